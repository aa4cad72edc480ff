# Completion of `supervise` for fish. Nothing that the program knows is listed here: verbs, options, their values and
# words of a verb are read from `supervise help`, executions and sessions from its lists, which make nothing where there
# is nothing. What a ledger holds may have been written by anybody: it is offered as text and never expanded, and left
# out, or made visible in a description, where it has control characters.
# The helpers share the variables of __supervise_complete.

function __supervise_ask --no-scope-shadowing
    command $program $ledger $argv 2>/dev/null </dev/null
end

# Reads the help of a verb: `help` are its lines, `kinds` its words.
function __supervise_learn --no-scope-shadowing
    set help (__supervise_ask help $argv)
    set -l usage (string match -rg "^Usage: supervise $argv(.*)" -- $help)
    # Without options, and what those take that stand there by name.
    set usage (string replace -ra '\[OPTIONS\]|\[--[^]]*\]|--[a-z-]+ \S+|--(?= )|[][]' '' -- $usage)
    set kinds (string match -ra '\S+' -- $usage)
end

# What the option wants for a value, as help calls it.
function __supervise_takes --no-scope-shadowing
    set -l name (string escape --style=regex -- $argv[1])
    string match -rg "^  (?:(?:-\w, |    )$name|$name, --[a-z-]+)[= ](\S+)(?:  |\$)" -- $help
end

# An option was given, with its value or (`option` is left) without. One of run's, before any verb, means run.
function __supervise_option --no-scope-shadowing
    set -l names (string match -r -- '^--[^=]*' $argv[1])
    test -n "$names"; or set names -(string split '' -- (string sub -s 2 -- $argv[1]))
    set -l own (string join \n $help | sed -n '/^Options:/,/^$/p' | string match -ra '(?<=^  |, |^      )--?[a-z-]+')
    for name in $names
        test -z "$verb"; and contains -- $name $own; and set verb run
        test -n "$(__supervise_takes $name)"; or continue
        string match -qr -- '^--.*=' $argv[1]; or test $name != $names[-1]; or set option $name
        break
    end
    string match -q -- '--*=*' $argv[1]; and __supervise_heed $names (string replace -r '^[^=]*=' '' -- $argv[1])
end

# The options with what they do, which may stand on a line of its own; one with fixed values goes on with "=".
function __supervise_options --no-scope-shadowing
    string join \n $help | sed -n -e '/^  \(-.,\|   \) --[a-z]/!d; /  *[^ ].*   *[^ ]/!{N;s/\n/  /}' \
        -e 's/^  \(-.\), \(--[a-z-]*=*\)\([^ ]*\)\( [^ ][^ ]*\)*   *\(.*\)/\1\t\5\n\2\t\5/p' \
        -e 's/^      \(--[a-z-]*=*\)[^ ]*\( [^ ][^ ]*\)*   *\(.*\)/\1\t\3/p'
end

# A ledger that was named is the one to ask.
function __supervise_heed --no-scope-shadowing
    contains -- $argv[1] --db --config; and set -a ledger $argv[1]=(string replace -r '^~/' $HOME/ -- $argv[2])
end

# Each word that can come next in a verb; where it begins several, with what follows it.
function __supervise_verbs --no-scope-shadowing
    set -l begun (string escape --style=regex -- $prefix)
    set -l lines (__supervise_ask help | sed -n '/^Verbs:/,/^$/s/^  //p' | string match -rg "^$begun([a-z].*)")
    string match -rg '^([a-z-]+)  +(.*)' -- $lines | paste - -
    for first in (string match -rg '^([a-z-]+) [a-z]' -- $lines | sort -u)
        printf '%s\t%s\n' $first (string match -rg "^$first ([a-z-]+)" -- $lines | string join ', ')
    end
end

# Those members of what `list` shows, as they are: where there is no control character, JSON escapes only " and \.
function __supervise_members --no-scope-shadowing
    __supervise_ask list -n 100 --json $argv[2..] | LC_ALL=C sed -n -e '/[[:cntrl:]]/d; /\xc2[\x80-\x9f]/d' \
        -e 's/^    "\('$argv[1]'\)": "\([^-].*\)",\{0,1\}$/\2\t\1/; t found' -e 'd; :found' \
        -e 's/\\\\\\\\/\x01/g; /\\\\[^"]/d; s/\\\\"/"/g; s/\x01/\\\\/g; p'
end

# What means an execution in one of those states, or in any ("").
function __supervise_refs --no-scope-shadowing
    for state in $argv
        set -l of (string replace -rf -- '(.+)' '--state=$1' $state)
        test -n "$state"; or __supervise_ask list -n 1 | sed -n '1s/.*/@last\tthe newest/p'
        __supervise_ask list -n 100 $of | sed -n 's/^\([0-9][0-9]*\)  */\1\t/p'
        __supervise_members 'name\|session' $of
    end
end

# What help calls $argv[1]: a word of the verb, or the value of the option $argv[2].
function __supervise_value --no-scope-shadowing
    set -l states ''
    switch "$verb"
        case cancel wait
            set states running queued
        case 'queue move' 'queue remove'
            set states queued
        case 'queue retry' resume
            set states finished
    end
    switch (test -n "$argv[2]"; and echo -- $argv[2]; or echo "$verb[1]"):(string replace -r '\.\.\.$' '' -- "$argv[1]")
        case '*:VERB'
            __supervise_verbs
        case '-*:REF'
            __supervise_refs ''
        case '*:REF'
            __supervise_refs $states
        case '*:FILE*'
            __fish_complete_path "$typed"
        case '*:DIR'
            __fish_complete_directories "$typed"
        case --name:NAME -n:NAME
            __supervise_members name
        case session:ID --session:ID -s:ID
            __supervise_ask session list -n 100 | sed '1d; s/ .*//'
        case '*:*|*'
            string match -qr '[A-Z]' -- $argv[1]; or string split '|' -- $argv[1]
    end
end

function __supervise_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct | string collect)
    set -l program (string replace -r '^~/' $HOME/ -- $words[1])
    set -l ledger
    set -l verb
    set -l prefix ''
    set -l option
    set -l rest
    set -l help
    set -l kinds
    set -l n 1
    set -l start 0
    command -q $program; or set program supervise

    __supervise_learn run
    set kinds VERB
    for i in (seq 2 (count $words))
        set -l word $words[$i]
        if test -n "$option"
            __supervise_heed $option $word
            set option
        else if test -z "$rest"; and string match -q -- '-?*' $word
            if test "$word" = --
                set rest 1
                test -n "$verb"; or set verb run
            else
                __supervise_option $word
            end
            test "$verb" = run -a "$kinds[$n]" = VERB; and __supervise_learn run
        else if test "$kinds[$n]" = COMMAND
            set start $i
            break
        else if test "$kinds[$n]" = VERB -a "$verb" != help
            set -a verb $word
            set prefix "$prefix$word "
            __supervise_learn $verb
            if test "$verb" = help
                set kinds VERB VERB
                set prefix ''
            end
        else
            test "$kinds[$n]" != VERB; or set prefix "$prefix$word "
            string match -q '*...' -- "$kinds[$n]"; or set n (math $n + 1)
        end
    end

    if test $start -gt 0
        complete -C (string join ' ' -- (string escape -- $words[$start..]) "$typed")
    else if test -n "$option"
        __supervise_value (__supervise_takes $option) $option
    else if test -z "$rest"; and string match -q -- '--*=*' "$typed"
        set option (string match -r '^[^=]*' -- $typed)
        set typed (string replace -r '^[^=]*=' '' -- $typed)
        for value in (__supervise_value (__supervise_takes $option) $option)
            printf '%s\n' $option=$value
        end
    else if test -z "$rest"; and string match -q -- '-*' "$typed"
        __supervise_options
    else if test "$kinds[$n]" = COMMAND
        complete -C "$typed"
    else
        __supervise_value "$kinds[$n]" ''
    end
end

complete -c supervise -f -a '(__supervise_complete)'

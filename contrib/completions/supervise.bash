# Completion of `supervise` for bash, with bash-completion or without it. Nothing that the program knows is listed here:
# verbs, options, their values and the words of a verb are read from `supervise help`, executions and sessions from its
# lists, which make nothing where there is nothing. What a ledger holds may have been written by anybody: it is compared
# and quoted, never expanded (so no `compgen -W`), and left out where it has control characters.
# shellcheck shell=bash

_supervise_ask()
{
    "$program" "${ledger[@]}" "$@" 2>/dev/null </dev/null
}

# Reads the help of a verb, and from it what the words behind the verb are: `kinds`.
_supervise_learn()
{
    local usage

    help=$(_supervise_ask help "$@")
    usage=${help#*"Usage: supervise $*"}
    read -ra kinds < <(printf '%s\n' "${usage%%$'\n'*}" |
        sed 's/\[OPTIONS]\|\[--[^]]*]\|--[a-z-]\+ [^ ]*\|-- \|[][]//g')
}

# Whether that option takes a value, and what help calls it: `label`.
_supervise_takes()
{
    local before=$'\n  (-[[:alnum:]], |    )?' behind='(, --[a-z-]+)?[= ]([^ '$'\n'']+)'

    label=''
    [[ $help =~ $before"$1"$behind ]] && label=${BASH_REMATCH[3]}
}

# An option was given, with its value or (`option` is left) without. One of run's, before any verb, means run.
_supervise_option()
{
    local name names=("${1%%=*}") own=${help#*$'\n'Options:}

    [[ $1 == --* ]] || mapfile -t names < <(printf %s "${1:1}" | sed 's/./-&\n/g')
    for name in "${names[@]}"; do
        [[ ${verb[*]} || ${own%%Global*} != *" $name"[,\ =$'\n']* ]] || verb=(run)
        _supervise_takes "$name" || continue
        [[ $1 == *=* || $1 != *"${name#-}" ]] || option=$name
        break
    done
    [[ $1 != --*=* ]] || _supervise_heed "$name" "${1#*=}"
}

# A ledger that was named is the one to ask. Quotes are taken off its name, and nothing is expanded but ~.
_supervise_heed()
{
    local value=${2//[\'\"\\]/}

    [[ $1 != --db && $1 != --config ]] || ledger+=("$1=${value/#~\//"$HOME"/}")
    option=''
}

# Takes of the lines that come those that begin with what was typed.
_supervise_offer()
{
    local line word open=''

    [[ $typed != [\'\"]* ]] || open=1 typed=${typed:1}
    while IFS= read -r line; do
        printf -v word %q "$line"
        if [[ $open ]]; then # the shell puts the other quote behind it
            [[ $line != "$typed"* || $line == *[\'\"\\\$\`!]* ]] || COMPREPLY+=("$line")
        elif [[ $line == "$typed"* || $word == "$typed"* ]]; then
            word=$lead$word
            COMPREPLY+=("${word#"$cut"}")
        fi
    done
}

# The words of verbs that come after those in `prefix`.
_supervise_verbs()
{
    local line listed=''

    while IFS= read -r line; do
        [[ $line != Verbs: && $line ]] || listed=$line
        line=${line#"  $prefix"}
        [[ ! $listed || $line != [a-z]* ]] || printf '%s\n' "${line%% *}"
    done < <(_supervise_ask help)
}

# Those members of what `list` shows, as they are: where there is no control character, JSON escapes only " and \.
_supervise_members()
{
    _supervise_ask list -n 100 --json "${@:2}" | LC_ALL=C sed -n -e '/[[:cntrl:]]/d; /\xc2[\x80-\x9f]/d' \
        -e 's/^    "\('"$1"'\)": "\([^-].*\)",\{0,1\}$/\2/; t found' -e 'd; :found' \
        -e 's/\\\\/\x01/g; /\\[^"]/d; s/\\"/"/g; s/\x01/\\/g; p'
}

# What means an execution in one of those states, or in any ("").
_supervise_refs()
{
    local state

    for state in "$@"; do
        [[ $state ]] || _supervise_ask list -n 1 | sed -n '1s/.*/@last/p'
        _supervise_ask list -n 100 ${state:+"--state=$state"} | sed -n 's/^\([0-9][0-9]*\) .*/\1/p'
        _supervise_members 'name\|session' ${state:+"--state=$state"}
    done
}

# The command that is wrapped; its first word is $1 of COMP_WORDS.
_supervise_command()
{
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif (($1 < COMP_CWORD)) || [[ $typed == */* ]]; then
        compopt -o default
    else
        _supervise_offer < <(compgen -c -- "$typed")
    fi
}

# What help calls $1: a word of the verb, or the value of the option $2.
_supervise_complete()
{
    local -a states=('')

    case "${verb[*]}" in
    cancel | wait) states=(running queued) ;;
    'queue move' | 'queue remove') states=(queued) ;;
    'queue retry' | resume) states=(finished) ;;
    esac
    case ${2:-${verb[0]}}:${1%...} in
    *:VERB) _supervise_offer < <(_supervise_verbs) ;;
    -*:REF) _supervise_offer < <(_supervise_refs '') ;;
    *:REF) _supervise_offer < <(_supervise_refs "${states[@]}") ;;
    *:FILE*) compopt -o default ;;
    *:DIR) compopt -o dirnames ;;
    --name:NAME | -n:NAME) _supervise_offer < <(_supervise_members name) ;;
    session:ID | --session:ID | -s:ID) _supervise_offer < <(_supervise_ask session list -n 100 | sed '1d; s/ .*//') ;;
    *:*[A-Z]*) ;;
    *:*'|'*) _supervise_offer < <(printf '%s\n' "${1//|/$'\n'}") ;;
    esac
}

_supervise()
{
    local program=${COMP_WORDS[0]/#~\//"$HOME"/} line=$COMP_LINE prefix='' option='' rest='' lead='' typed cut i n=0
    local -a words=() at=() ledger=() verb=() kinds
    local IFS=$' \t\n' help label

    # Bash cuts words at `=`, `:` and `@`: what no blank stands before belongs to the word before it.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $i -eq 0 || $line == [[:blank:]]* ]]; then
            words+=("${COMP_WORDS[i]}") at+=("$i")
        else
            words[-1]+=${COMP_WORDS[i]}
        fi
        line=${line#"${line%%[![:blank:]]*}"}
        line=${line#"${COMP_WORDS[i]}"}
    done
    typed=${words[-1]} cut=${words[-1]}
    [[ ! ${COMP_WORDS[COMP_CWORD]//[=:@]/} ]] || cut=${cut%"${COMP_WORDS[COMP_CWORD]}"}
    cut=${cut%@} # which readline takes for the first of what it completes
    type -P -- "$program" >/dev/null || program=supervise

    _supervise_learn run
    kinds=(VERB)
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        if [[ $option ]]; then
            _supervise_heed "$option" "${words[i]}"
        elif [[ ! $rest && ${words[i]} == -?* ]]; then
            [[ ${words[i]} != -- ]] || rest=1 verb=("${verb[@]:-run}")
            [[ $rest ]] || _supervise_option "${words[i]}"
            [[ ${verb[*]} != run || ${kinds[n]} != VERB ]] || _supervise_learn run
        elif [[ ${kinds[n]} == COMMAND ]]; then
            break
        elif [[ ${kinds[n]} == VERB && ${verb[*]} != help ]]; then
            verb+=("${words[i]}") prefix+="${words[i]} "
            _supervise_learn "${verb[@]}"
            [[ ${verb[*]} != help ]] || kinds=(VERB VERB) prefix=''
        else
            [[ ${kinds[n]} != VERB ]] || prefix+="${words[i]} "
            [[ ${kinds[n]} == *... ]] || ((++n))
        fi
    done

    if ((i < ${#words[@]} - 1)); then
        _supervise_command "${at[i]}"
    elif [[ $option ]]; then
        _supervise_takes "$option"
        _supervise_complete "$label" "$option"
    elif [[ ! $rest && $typed == --*=* ]]; then
        lead=${typed%%=*}= typed=${typed#*=}
        _supervise_takes "${lead%=}"
        _supervise_complete "$label" "${lead%=}"
    elif [[ ! $rest && $typed == -* ]]; then
        _supervise_offer < <(sed -n <<<"$help" \
            '/^  \(-.,\|   \) --[a-z]/{s/^  \(-.\), /\1\n/; s/ *\(--[a-z-]*=\{0,1\}\).*/\1/; p}')
        [[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace
    elif [[ ${kinds[n]} == COMMAND ]]; then
        _supervise_command "${at[i]}"
    else
        _supervise_complete "${kinds[n]}" ''
    fi
}
complete -F _supervise supervise

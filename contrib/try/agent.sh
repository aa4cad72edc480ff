#!/bin/sh
# A stand-in for an agent: counts the text files below a directory and writes an index of their words.
#   agent.sh whole|half|crash|wait TREE OUTPUT
# It begins a session when it starts, and closes it when the index is whole. `half` stops after half of the files and
# exits 0, as an agent does whose context is full; `crash` dies of a signal there; `wait` waits there for an answer
# that never comes. It knows of supervise only the verbs it calls.
set -eu
export LC_ALL=C
how=$1 tree=$2 output=$3

supervise session begin --session "index-$how" >/dev/null

mkdir -p "$output"
find "$tree" \( -name .git -o -name build \) -prune -o -type f \( -name '*.[ch]' -o -name '*.sql' -o -name '*.md' \
    -o -name '*.py' -o -name '*.sh' -o -name '*.toml' \) -print | sort >"$output/files"
total=$(wc -l <"$output/files")
echo "indexing $total text files"

done=0
: >"$output/counts"
: >"$output/occurrences"
while read -r file; do
    wc -lw "$file" >>"$output/counts"
    # Words of four letters or more, each once a file.
    tr -cs '[:alpha:]' '\n' <"$file" | tr '[:upper:]' '[:lower:]' | sort -u |
        sed -n "s|^....*|& ${file#"$tree"/}|p" >>"$output/occurrences"
    done=$((done + 1))
    supervise heartbeat "$done of $total files"
    [ "$done" -eq $((total / 2)) ] || continue
    case $how in
    half)
        echo "my context is full; $done of $total files are done"
        exit 0
        ;;
    crash) kill -s SEGV $$ ;;
    wait)
        echo "may I go on?"
        echo "$SUPERVISE_EXECUTION_UID" >"$output/asked" # a fifo: who reads it knows that we wait
        read -r _ <"$output/answer"
        ;;
    esac
done <"$output/files"

sort "$output/occurrences" |
    awk '$1 != word { if (NR > 1) print line; word = $1; line = $1 ":" } { line = line " " $2 }
        END { print line }' >"$output/index"
awk '{ lines += $1; words += $2 } END { print lines " lines, " words " words" }' "$output/counts"
echo "$(wc -l <"$output/index") different words in the index"

supervise session close

#!/bin/sh
# The example: one job, four ends. An agent indexes the text files of this tree, four times under `supervise`: it
# completes, it stops half-way with exit 0, it crashes, it is cancelled. What `supervise` makes of each is checked
# here against what it should be, and shown. The ledger is a new one in a temporary directory, and is kept.
# Exits 0 only if all four ended as they should.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=${here%/contrib/try}
bin=$(cd "${SUPERVISE_BUILD:-$tree/build}" && pwd)
[ -x "$bin/supervise" ] || { echo "run.sh: cannot find $bin/supervise: run \`make\` first" >&2; exit 1; }

place=$(mktemp -d "${TMPDIR:-/tmp}/supervise-try.XXXXXX")
# Nothing of the user's own comes in: neither settings nor a session that is under way.
unset SUPERVISE_CONFIG SUPERVISE_EXECUTION_UID SUPERVISE_SESSION
export PATH="$bin:$PATH" SUPERVISE_DB="$place/supervise.db" XDG_CONFIG_HOME="$place/config"
cd "$place"

# What is said here goes to stderr, like the lines of supervise: so they keep their order.
tell()
{
    printf '\n# %s\n' "$@" >&2
}

wrong=0
expect()
{
    what=$1 status=$2 wanted=$3
    echo "# exit status $status" >&2
    if [ "$status" -ne "$wanted" ]; then
        echo "run.sh: $what: exit status $status, expected $wanted" >&2
        wrong=1
    fi
}

# Runs the agent under supervise and checks the exit status.
agent()
{
    echo "\$ supervise --name $1 -- sh contrib/try/agent.sh $1" >&2
    status=0
    supervise --name "$1" -- sh "$here/agent.sh" "$1" "$tree" "$place/$1" || status=$?
    expect "$1" "$status" "$2"
}

tell "1. It completes: its session is closed, and it exits 0."
agent whole 0

tell "2. It stops half-way and exits 0. Its session is still open: exit 0 alone is not success."
agent half 75

tell "3. It crashes."
agent crash 139

tell "4. It waits for an answer, and is cancelled from outside."
mkdir wait
mkfifo wait/asked wait/answer
echo "\$ supervise --name wait -- sh contrib/try/agent.sh wait &" >&2
# The fifo is open for both ends here, so that neither a question nor an end without one can be missed.
exec 3<>wait/asked
{
    status=0
    supervise --name wait -- sh "$here/agent.sh" wait "$tree" "$place/wait" 3>&- || status=$?
    echo ended >&3
    exit "$status"
} &
supervisor=$!
read -r uid <&3
if [ "$uid" != ended ]; then
    echo "\$ supervise cancel $uid --why 'nobody will answer'" >&2
    supervise cancel "$uid" --why 'nobody will answer' || wrong=1
fi
status=0
wait "$supervisor" || status=$?
expect wait "$status" 143

tell "What the ledger says of them."
echo '$ supervise list' >&2
supervise list || wrong=1
printf '\n$ supervise status @last\n' >&2
supervise status @last || wrong=1

tell "The ledger is kept, and so is the index ($place/whole/index). To look on:"
echo "  $bin/supervise --db $place/supervise.db list" >&2
[ "$wrong" -eq 0 ]

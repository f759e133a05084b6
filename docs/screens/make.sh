#!/usr/bin/env bash
# Makes the screens in this folder anew, from real runs against the sandbox: texts at 80 and 120 columns, and pictures of the live page
# in Chromium. It takes some minutes, and needs script(1), perl, Chromium with its driver, and what ./backfill needs; it keeps nothing
# but the screens.
#
#   docs/screens/make.sh            all screens
#   docs/screens/make.sh page       the pictures alone
#   docs/screens/make.sh plan status    these in their order here: the commands before them run, too
set -eu
# a shell that starts it with & ignores SIGINT, and so would every program here, which then says so
[ -n "${screens_signals:-}" ] || screens_signals=1 exec env --default-signal=INT "$0" "$@"
here=$(cd "$(dirname "$0")" && pwd)
backfill=$(cd "$here/../.." && pwd)/backfill
only=" $* "
last=${*: -1}
work=$(mktemp -d)
trap 'kill "${sandbox:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

# What a terminal of $1 columns shows of the command that follows: \r begins a line anew, ESC[nA goes up, ESC[J and ESC[K erase.
screen() {
  local columns=$1; shift
  COLUMNS=$columns script -qec "stty cols $columns rows 50; $(printf '%q ' "$@")" /dev/null </dev/null | perl -CS -e '
    undef $/; $_ = <STDIN>; my @lines = (""); my $row = 0; my $column = 0;
    while (/\G(?:\e\[(\d*)A|\e\[\d*([JK])|\e\[[\d;?]*[a-zA-Z]|(\r)|(\n)|([^\e\r\n]+)|.)/gs) {
      if (defined $1) { $row -= $1 || 1; $row = 0 if $row < 0; $column = 0 }
      elsif (defined $2) { $lines[$row] = substr($lines[$row], 0, $column); splice(@lines, $row + 1) if $2 eq "J" }
      elsif (defined $3) { $column = 0 }
      elsif (defined $4) { $row++; $column = 0; $lines[$row] //= "" }
      elsif (defined $5) { $lines[$row] .= " " x ($column - length $lines[$row]) if length $lines[$row] < $column;
        substr($lines[$row], $column, length $5) = $5; $column += length $5 }
    }
    s/\s+$//, s{\Q'"$work"'\E}{/home/you}g for @lines; pop @lines while @lines && $lines[-1] eq ""; for (@lines) { do { print substr($_, 0, '$columns'), "\n" } while length($_ = substr($_, '$columns') // "") }'
}

# Writes the screens of a command: its name, the command as a person types it, and that command's words.
shoot() {
  local name=$1 typed=$2; shift 2
  [ "$only" = "  " ] || [[ "$only" = *" $name "* ]] || { "$@" >"$work/out.log" 2>&1 </dev/null || true; return; }
  local columns
  for columns in 80 120; do
    { echo "\$ $typed"; screen "$columns" "$@"; } >"$work/screen"
    mv "$work/screen" "$here/$name-$columns.txt"
    echo "$name-$columns.txt"
  done
  [ "$last" != "$name" ] || exit 0
}

# The pictures of the live page are those that its test takes in Chromium, of a run against the sandbox.
pictures() {
  [ "$only" = "  " ] || [[ "$only" = *" page "* ]] || return 0
  local project
  project=$(dirname "$backfill")
  (cd "$project" && mvn -q -B test-compile surefire:test -Dtest='ServeIT#inABrowser_aRun*')
  for picture in running running-dark phone; do
    cp "$project/target/screenshots/$picture.png" "$here/page-$picture.png"
    echo "page-$picture.png"
  done
  [ "$last" != page ] || exit 0
}

[ "$only" != " page " ] || pictures
"$backfill" sandbox --port 0 --conditions 1500 --wallets 100 --block-seconds 60 >"$work/sandbox.log" &
sandbox=$!
until grep -q '^export' "$work/sandbox.log" 2>/dev/null; do kill -0 "$sandbox"; sleep 1; done
eval "$(grep '^export' "$work/sandbox.log")"
export CLICKHOUSE_DATA=$work/data CLICKHOUSE_PORT=0 RUNTIME_DIR=$work/runtime

shoot doctor "./backfill doctor" "$backfill" doctor
"$backfill" run markets >/dev/null 2>&1 </dev/null
shoot plan "./backfill plan payouts fills" "$backfill" plan payouts fills
shoot run "./backfill run payouts --redo all" "$backfill" run payouts --redo all
"$backfill" run fills >/dev/null 2>&1 </dev/null || true
shoot status "./backfill status" "$backfill" status
shoot ready "./backfill ready" "$backfill" ready
pictures
"$backfill" sql "CREATE TABLE default.trades_raw ENGINE = MergeTree ORDER BY trade_id AS SELECT fill_id AS trade_id,
  asset_id AS token_id, if(cityHash64(fill_id) % 2 = 0, condition_id, '') AS condition_id, timestamp FROM default.clob_fills"
shoot pipeline "./backfill pipeline overnight --again" "$backfill" pipeline overnight --again
# it has a sandbox of its own
unset CLOB_ADDRESS CLOB_API_KEY CLOB_API_SECRET CLOB_API_PASSPHRASE
shoot demo "./backfill demo" "$backfill" demo --folder "$work/demo"

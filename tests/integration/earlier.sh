#!/bin/bash
# A spool of an earlier version goes on as if it had been made by this one: no event comes twice, none of an erased
# person comes back, and cursors, imports, dead letters and numbers are where they were. tests/cases/spool-0.3.0.tar.gz
# is a backup that 0.3.0 made, which is within the longest dedup_window until 2036. A later version that changes a file
# adds one: MADE=FILE bash tests/integration/earlier.sh
. "$(dirname "$0")/../lib/server.sh"

earlier() { HOOKSPOOL_CONF=$T/hookspool.conf "$HS_BUILD/hookspool" "$@"; }
import() { earlier import --json "$@" | jq -c '[.accepted, .duplicate, .suppressed, .done_before]'; }

cd "$T" || exit 1
umask 077
cat >hookspool.conf <<END
spool_dir = $T/spool
auth = none
min_free = 0
rotate_min_gap = 0
compress = gzip
dedup_window = 3650d
hash_key = the key of an earlier version
END
cat >first <<'END'
{"type":"track","event":"Signed Up","userId":"anna","messageId":"m1","timestamp":"2026-11-23T10:15:00.000Z","properties":{"plan":"free"}}
{"type":"track","event":"Signed Up","userId":"ben","anonymousId":"b-1","messageId":"m2","timestamp":"2026-11-23T10:15:01.000Z"}
{"type":"track","event":"Signed Up","userId":"dora","messageId":"m3","timestamp":"2026-11-23T10:15:02.000Z"}
{"type":"page","userId":7.0,"messageId":"m4","timestamp":"2026-11-23T10:15:03.000Z","properties":{"path":"/"}}
END
cat >second <<'END'
{"type":"identify","userId":"carl","messageId":"m5","timestamp":"2026-11-23T10:15:04.000Z","traits":{"name":"Carl"}}
{"type":"track","event":"Order Completed","userId":"anna","timestamp":"2026-11-23T10:15:05.000Z","properties":{"total":39.950}}
{"type":"screen","messageId":"m7","timestamp":"2026-11-23T10:15:06.000Z"}
END
cat >third <<'END'
{"type":"screen","userId":"zoe","messageId":"m8","timestamp":"2026-11-23T10:15:07.000Z"}
END

if [ -n "${MADE-}" ]; then
	earlier import first && earlier rotate && earlier import second
	earlier each --once --retry-for 0s --cursor work --on '*=[ $HS_MESSAGE_ID != m5 ] || exit 65'
	earlier erase --user ben --suppress && earlier erase --user dora && earlier maintain && earlier import third
	earlier backup "$T/backup" && rm -rf backup/.hookspool/run
	tar -C backup --sort=name --owner=0 --group=0 --numeric-owner -c . | gzip -9n >"$MADE"
	exit
fi

mkdir spool
tar -C spool --no-same-owner -xzf "$OLDPWD/tests/cases/spool-0.3.0.tar.gz"
earlier adopt >out 2>&1
is 'it is adopted, and its cursor fits' "$? $(grep -c 'fits: continues in segment 2' out)" '0 1'
is 'nothing is wrong with it' "$(earlier verify)" '3 sealed segments, 6 lines, 0 problems'
made=hs-96fad04c5414e44baac521130406f1d3 # of what the event says, by the key
is 'its events are read in their order' "$(earlier cat --fields message_id | xargs)" "m1 m4 m5 $made m8"
is 'and what was rejected' "$(earlier cat --rejected | jq -r '.body | fromjson.messageId')" m7
is 'an import that is done is known' "$(import first)" '[0,0,0,1]'
is 'no event comes twice, and none of an erased or suppressed person comes back' \
	"$(import --again first) $(import --again second)" '[0,3,1,0] [0,2,0,0]'
printf '{"type":"page","userId":"%s","messageId":"%s"}\n' ben n1 dora n2 7 n3 >fourth
is 'what is new of a suppressed person is not kept, of others it is' "$(import fourth)" '[2,0,1,0]'
is 'a consumer goes on where it was' "$(earlier each --once --cursor work --on '*=echo $HS_MESSAGE_ID' 2>&1 | grep -v : | xargs)" \
	'm8 n2 n3'
is 'its dead letter is tried again' \
	"$(earlier each --once --failed --cursor work --on '*=echo $HS_MESSAGE_ID' 2>&1 | grep -v : | xargs)" m5
is 'erase finds its people' "$(earlier erase --user 7 --json | jq .events)" 2
earlier rotate
is 'its numbers go on' "$(cd spool && ls events-* | sed 's/.*-\([0-9]*\)\.jsonl.*/\1/' | xargs)" '000001 000002 000003'
is 'nothing is wrong with it afterwards' "$(earlier verify | sed 's/.*, //')" '0 problems'
done_testing

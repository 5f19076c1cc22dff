/*
 * How hookspool ship keeps its promise, "each record is in the stream once", in front of a replicated log that
 * answers late, twice, falsely or not at all, made so small that every order of events is looked at. README.md
 * says how to read and run it.
 *
 * Deliberate defects, which must be found:
 *   NO_ASK         what has no answer is sent again at once, and so is all after the cursor at a start
 *   NO_BARRIER     the stream is asked without a mark: what is still in the Raft log is not seen
 *   ZERO_TRUSTED   an answer with sequence 0 counts as stored
 *   CURSOR_FIRST   the cursor passes a record when it is sent
 *   STALE_ANSWER   an answer that arrived before the stream was asked is read afterwards, and counts
 *   NO_REWIND      a stream that has forgotten records is not noticed
 *   LATE_REWIND    the cursor goes back in memory, and in its file only with the next answers
 *   LAST_ALONE     it is noticed by the stream's last sequence alone, which marks and others' messages move on
 *   NO_WALK        a stream that has forgotten records is believed what its last message says, which was perhaps sent
 *                  after that, and before it was noticed
 *   LATE_BYTES     no defect of ship: a server reads bytes of a dead connection after the mark was answered
 *   NEVER_DONE     no defect: claims that ship never comes to the end
 */
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef WINDOW
#define WINDOW 2    /* records in flight */
#endif
#ifndef KILLS
#define KILLS 1     /* of ship */
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 1  /* answers that ship no longer waits for */
#endif
#ifndef CHANGES
#define CHANGES 1   /* of the leader; what the old one had not yet agreed on may be lost */
#endif
#ifndef LOSSES
#define LOSSES 1    /* power cuts of all nodes: the stream forgets a tail that it has acknowledged */
#endif
#ifndef UNSEEN
#define UNSEEN 0    /* of them those that the connection does not show */
#endif
#ifndef EXPIRIES
#define EXPIRIES 1  /* of the window in which the stream refuses duplicates */
#endif
#ifndef COPIES
#define COPIES 1    /* messages of another receiver that have the id of a record of ours */
#endif
#ifndef FILLS
#define FILLS 1     /* its other messages */
#endif

#ifndef LOG
#define LOG 7       /* the longest log; no more is sent than fits */
#endif
#define MARK 7      /* kinds of messages: 1 … RECORDS are ours */
#define FILL 8
#define COPY(r) (8 + (r))

#define BIT(n) (1 << (n))
#define ALL_BELOW(n) ((BIT(n) - 1) & ~1) /* records before n */

/* --- the stream: what the nodes agreed on, then what the leader proposes -------------------------------- */

byte length, agreed;
byte message[LOG + 1], stored[LOG + 1], stored_at[LOG + 1]; /* kind, and the header Hookspool-Pos */
short to_answer;  /* messages whose sender is told by this leader */
byte noted;       /* records whose ids the leader refuses: a mask */
byte forgotten;   /* records that a lost message of the other receiver had: it sends that one again */
byte late;        /* LATE_BYTES: a record that a dead connection has yet to deliver … */
byte late_stored, late_at; /* … and its header */

/* --- the cursor's file ------------------------------------------------------------------------------------- */

byte cursor = 1;   /* the first record that may lack an answer */
byte c_top, c_own; /* the highest sequence that was seen by then, and that of a message of ours */
byte c_back;       /* our messages from this sequence on say too much; 0: none do */

/* --- ship --------------------------------------------------------------------------------------------------- */

mtype = { DOUBT, MARKED, SENDING };
mtype phase = DOUBT;
byte base = 1;     /* all before it have an answer */
byte top, own, back; /* as in the cursor's file */
byte sent;         /* records on their way: a mask */
byte answered[RECORDS + 2]; /* sequences, 0: none */
byte floor[RECORDS + 2];    /* each message of the record has a higher sequence */
byte mark_at;      /* the mark's sequence, 0: no answer yet */
bool linked;       /* false: the nodes were away since the stream was asked, and ship knows it */
bool whole;        /* false: the stream has lost something since it was asked */
chan answers = [2] of { byte, byte, bool }; /* record, sequence, duplicate */

byte kills = KILLS, timeouts = TIMEOUTS, changes = CHANGES, losses = LOSSES, unseen = UNSEEN, expiries = EXPIRIES, copies = COPIES, fills = FILLS;
byte i, j, r, x; /* of the step that runs */
bool forgot;

/* --- what must hold ------------------------------------------------------------------------------------- */

/* x: the records that the first n messages have, from whomever. No record of ours may be there twice. */
inline look_at_stream(n)
{
	x = 0; i = 1; j = 0;
	do
	:: i > n -> break
	:: i <= n ->
		if
		:: message[i] <= RECORDS ->
			assert((j & BIT(message[i])) == 0); /* DOUBLED */
			j = j | BIT(message[i]);
			x = x | BIT(message[i])
		:: message[i] > FILL -> x = x | BIT(message[i] - 8)
		:: else
		fi;
		i++
	od;
	i = 0; j = 0
}

/* What counts as stored is in the stream, unless that lost something and ship has yet to ask. */
inline check_promise()
{
#ifdef NEVER_DONE
	assert(base <= RECORDS);
#endif
	look_at_stream(agreed);
	assert(!whole || phase != SENDING || (ALL_BELOW(base) & ~(x | forgotten)) == 0); /* LOST */
	x = 0
}

/* --- the nodes --------------------------------------------------------------------------------------------- */

/* The leader takes a message: it refuses an id that it has noted, and proposes the rest. */
inline take(kind, header, header_at, tell)
{
	i = (kind <= RECORDS -> kind : (kind > FILL -> kind - 8 : 0)); /* whose id it has */
	if
	:: i != 0 && (noted & BIT(i)) != 0 ->
		j = 1;
		do /* the sequence of the one that is there; 0: it is proposed, or the leader no longer has it */
		:: j > agreed -> j = 0; break
		:: j <= agreed && (message[j] == i || message[j] == COPY(i)) -> break
		:: else -> j++
		od;
		if
		:: tell && nfull(answers) -> answers ! i, j, true
		:: !tell || full(answers)
		fi
	:: else ->
		length++;
		message[length] = kind;
		stored[length] = header;
		stored_at[length] = header_at;
		noted = noted | (i != 0 -> BIT(i) : 0);
		to_answer = to_answer | (tell -> BIT(length) : 0);
		printf("leader: %d at sequence %d, stored before %d at %d\n", kind, length, header, header_at)
	fi;
	i = 0; j = 0
}

/* Cuts the log after n messages. */
inline cut(n)
{
	do
	:: length == n -> break
	:: length > n ->
		forgotten = (message[length] > FILL -> forgotten | BIT(message[length] - 8) : forgotten);
		message[length] = 0; stored[length] = 0; stored_at[length] = 0; length--
	od;
	agreed = (agreed > length -> length : agreed)
}

/* A leader that is new knows the ids of the log, as far as they are within the window. */
inline new_leader()
{
	to_answer = 0;
	look_at_stream(length);
	noted = noted & x;
	x = 0
}

inline drop_answers() { do :: nempty(answers) -> answers ? _, _, _ :: empty(answers) -> break od }

proctype Nodes()
{
end:
	do
	:: atomic { agreed < length -> /* a quorum has it; the answer may be lost */
			agreed++;
			printf("nodes: agreed on sequence %d\n", agreed);
			if
			:: (to_answer & BIT(agreed)) != 0 && message[agreed] == MARK -> mark_at = agreed
			:: (to_answer & BIT(agreed)) != 0 && message[agreed] != MARK && nfull(answers) -> answers ! message[agreed], agreed, false
			:: true
			fi;
			to_answer = to_answer & ~BIT(agreed);
			check_promise() }
	:: atomic { changes > 0 ->
			changes--;
			x = agreed;
			do
			:: x < length -> x++
			:: break
			od;
			printf("nodes: another leader, which keeps up to sequence %d\n", x);
			cut(x);
			new_leader() }
	:: atomic { losses > 0 && agreed > 0 ->
			losses--;
			x = agreed - 1;
			do
			:: x > 0 -> x--
			:: break
			od;
			printf("nodes: without power; the stream is back to sequence %d\n", x);
			cut(x);
			new_leader();
			whole = false;
			if
			:: unseen > 0 -> unseen--
			:: linked = false; mark_at = 0; late = 0
			fi }
	:: atomic { expiries > 0 && noted != 0 -> expiries--; noted = 0; printf("nodes: the window is over\n") }
	:: atomic { copies > 0 && length < LOG ->
			copies--;
			if
			:: take(COPY(1), 0, 0, false)
			:: take(COPY(2), 0, 0, false)
			fi }
	:: atomic { fills > 0 && length < LOG -> fills--; take(FILL, 0, 0, false) }
	:: atomic { late != 0 && length < LOG ->
			x = late;
			late = 0;
			printf("nodes: bytes of a dead connection\n");
			take(x, late_stored, late_at, false);
			x = 0 }
	od
}

/* --- ship --------------------------------------------------------------------------------------------------- */

/* x: any message of a record from base on has a higher sequence than this. */
inline safe_sequence()
{
	x = top; i = base;
	do
	:: i > RECORDS -> break
	:: i <= RECORDS ->
		if
		:: ((sent & BIT(i)) != 0 || answered[i] != 0) && floor[i] < x -> x = floor[i]
		:: else
		fi;
		i++
	od;
	i = 0
}

inline pass_answered()
{
	do
	:: base <= RECORDS && answered[base] != 0 -> base++
	:: else -> break
	od
}

/* SIGKILL: the file is left. What the dead connection had may arrive late. */
inline die()
{
	kills--;
	printf("ship: killed; begins at %d\n", cursor);
	base = cursor; top = c_top; own = c_own; back = c_back;
	i = 1;
	do
	:: i > RECORDS -> break
	:: else -> answered[i] = 0; floor[i] = 0; i++
	od;
	i = 0;
	sent = 0; mark_at = 0; to_answer = 0;
	drop_answers();
	phase = DOUBT
}

/*
 * x and j: what the last message of ours says that can be trusted. It is before `back`, or, as long as that is not
 * known, for a record before the cursor, if there is one.
 */
inline walk_back()
{
	i = r; x = 1; j = 0;
	do
	:: i == 0 -> break
	:: i > 0 && message[i] <= RECORDS && stored_at[i] < i && (back == 0 -> message[i] < cursor : i < back) ->
		x = stored[i]; j = stored_at[i]; break
	:: else -> i--
	od;
	if
	:: i == 0 && back == 0 -> /* none is: the last one */
		i = r;
		do
		:: i == 0 -> break
		:: i > 0 && message[i] <= RECORDS && stored_at[i] < i -> x = stored[i]; j = stored_at[i]; break
		:: else -> i--
		od
	:: else
	fi;
	back = (back == 0 -> i + 1 : back);
	i = own
}

/* The answer to the mark is there. What the stream has is known now, and the rest is sent. */
inline asked()
{
	/* the last record of ours, at i: all before x is stored, and what is not comes after sequence j */
	i = agreed; x = 1; j = 0;
	do
	:: i == 0 -> break
	:: i > 0 && message[i] <= RECORDS -> x = stored[i]; j = stored_at[i]; break
	:: else -> i--
	od;
#ifndef NO_REWIND
	forgot = (agreed < top) || back != 0;
#ifndef LAST_ALONE
	forgot = forgot || i < own;
#endif
#ifndef NO_WALK
	forgot = forgot || (i != 0 && j >= i);
#endif
#endif
	own = i; r = i;
#ifndef NO_WALK
	if
	:: forgot -> walk_back()
	:: else
	fi;
#endif
	r = 0; top = agreed; sent = 0; mark_at = 0;
	base = (base < x || forgot -> x : base);
#ifndef LATE_REWIND
	if
	:: forgot -> cursor = base; c_top = top; c_own = own; c_back = back
	:: else
	fi;
#endif
	/* the set: the records of ours after sequence j */
	i = 1;
	do
	:: i > RECORDS -> break
	:: else -> answered[i] = 0; floor[i] = (i >= base -> j : 0); i++
	od;
	i = j + 1;
	do
	:: i > agreed -> break
	:: i <= agreed ->
		if
		:: message[i] <= RECORDS && message[i] >= base -> answered[message[i]] = i
		:: else
		fi;
		i++
	od;
	i = 0; j = 0; x = 0; forgot = false;
#ifndef STALE_ANSWER
	drop_answers();
#endif
	linked = true;
	whole = true;
	phase = SENDING;
	pass_answered();
	printf("ship: has asked; begins at %d\n", base);
	check_promise()
}

inline send_record()
{
	floor[r] = top;
	sent = sent | BIT(r);
	safe_sequence();
	if
	:: take(r, base, x, true)
	:: printf("ship: %d is lost on the way\n", r)
#ifdef LATE_BYTES
		late = r; late_stored = base; late_at = x
#endif
	fi;
	r = 0; x = 0
}

inline read_answer()
{
	answers ? r, x, j;
	printf("ship: answer for %d: sequence %d, duplicate %d\n", r, x, j);
	if
	:: (sent & BIT(r)) != 0 && answered[r] == 0 ->
#ifdef ZERO_TRUSTED
		x = (x == 0 -> (top == 0 -> 1 : top) : x);
#endif
		if
		:: x == 0 -> sent = sent & ~BIT(r) /* another copy is under way: send it again */
		:: x != 0 && j == 0 && x <= floor[r] -> /* the stream went back */
			back = x; c_back = x; c_top = top; c_own = own;
			phase = DOUBT
		:: else ->
			answered[r] = x;
			top = (x > top -> x : top);
			back = (x > own && j == 0 -> 0 : back);
			own = (x > own && j == 0 -> x : own);
			pass_answered()
		fi
	:: else
	fi;
	r = 0; x = 0; j = 0;
	check_promise()
}

#define NEXT(r) ((sent & BIT(r)) == 0 && answered[r] == 0 && r >= base && r < base + WINDOW && r <= RECORDS)

proctype Ship()
{
end:
	do
#ifdef NO_ASK
	:: atomic { phase != SENDING -> linked = true; phase = SENDING; check_promise() }
#else
#ifdef NO_BARRIER
	:: atomic { phase == DOUBT -> mark_at = agreed + 1; asked() }
#else
	:: atomic { phase == DOUBT && length < LOG ->
			mark_at = 0;
			take(MARK, 0, 0, true);
			phase = MARKED }
	:: atomic { phase == MARKED && mark_at != 0 -> asked() }
	:: atomic { phase == MARKED && mark_at == 0 && (to_answer == 0) -> phase = DOUBT } /* the mark had no answer */
#endif
#endif
	:: atomic { phase == SENDING && !linked -> phase = DOUBT }
	:: atomic { phase == SENDING && linked && length < LOG && (NEXT(1) || NEXT(2) || NEXT(3)) ->
			r = (NEXT(1) -> 1 : (NEXT(2) -> 2 : 3));
			send_record() }
	:: atomic { phase != DOUBT && nempty(answers) -> read_answer() }
	:: atomic { phase == SENDING && sent != 0 && timeouts > 0 ->
			timeouts--;
			printf("ship: waits no longer\n");
#ifdef NO_ASK
			sent = 0
#else
			phase = DOUBT
#endif
		}
	:: atomic { phase == SENDING && cursor != base ->
			printf("ship: cursor %d\n", base);
			cursor = base; c_top = top; c_own = own; c_back = back }
#ifdef CURSOR_FIRST
	:: atomic { phase == SENDING && (sent & BIT(cursor)) != 0 -> cursor++ }
#endif
	:: atomic { kills > 0 -> die() }
	od;
}

init {
	atomic { run Nodes(); run Ship() }
}

/*
 * The commit protocol of common/spool/write/{group_commit,segment}.c and common/spool/shared/shared_state.c, made so small that every
 * order in which things can happen is looked at. README.md says how to read and run it.
 *
 * Lines of a file are numbered; a set of lines is a mask. The shared state's variables
 * have the names they have in state.h. Deliberate defects, which must be found:
 *   NO_MARK        a leader does not publish that its sync is under way
 *   NO_POISON      a failed sync is forgotten
 *   EARLY_MARK     "synced" is published before the sync
 *   LATE_POISON    the poison is forgotten before the file has lost its name
 *   NO_QUIESCE     a segment is ended while a leader may be at work on it
 *   NOT_ROBUST     the locks of a dead process stay taken
 *   NO_BLIND       a sync counts for what was written before its descriptor was opened
 *   NO_DOUBT       the same of a file that is found without a state
 *   NO_CHECK       what is written anew is not looked at: zeros are written over zeros
 *   TOLD_ONCE      no defect: a kernel that tells one caller of an error, whoever has the file open
 *   NEVER_200      no defect: claims that nothing is ever acknowledged
 */
#ifndef CRASHES
#define CRASHES 2   /* processes that are killed; each is started anew */
#endif
#ifndef FAULTS
#define FAULTS 2    /* write-backs that fail */
#endif
#ifndef APPENDS
#define APPENDS 3   /* by whichever process, those that are refused or killed included */
#endif
#ifndef ROTATIONS
#define ROTATIONS 1
#endif
#ifndef LOSSES
#define LOSSES 1    /* of the state, while nobody is at work and no sync is in doubt */
#endif

#define FILES 10       /* ever to have the name events.jsonl */
#define GENERATIONS 12
#define FREE 0         /* a lock: FREE, DEAD (its holder was killed), or 1 + the holder */
#define DEAD 9

/* --- the disk, and the kernel's cache of it ------------------------------------------ */

byte file;         /* which file events.jsonl is */
bool exists;       /* if it is there */
byte size;         /* whole lines in it */
bool torn;         /* half a line behind them */
byte dirty;        /* lines that are in memory alone */
byte safe[FILES];  /* lines on stable storage */
byte cached;       /* lines that a reader of the file finds whole */

/*
 * Who has it open, and is to be told of an error. Whoever opens it later hears nothing: as
 * if a program of somebody else had synced the file, and been told, the moment it occurred.
 */
byte open_by;      /* processes, a mask */
byte to_be_told;
bool aside;        /* a segment waits in .hookspool to be cleaned */

/* --- .hookspool/run/state ------------------------------------------------------------------ */

byte append_lock, sync_lock;
bool known, poisoned;
byte generation, current, written, synced, in_flight;
byte past[GENERATIONS];

/* --- what may yet happen ------------------------------------------------------------------ */

byte appends = APPENDS, crashes = CRASHES, faults = FAULTS;
byte rotations = ROTATIONS, losses = LOSSES;
byte busy; /* which processes are in an append */

#define LINES(n) ((1 << (n)) - 1)
#define ARE_SAFE(f, n) ((LINES(n) & ~safe[f]) == 0)

#ifdef NOT_ROBUST
#define AFTER_DEATH (me + 1)
#else
#define AFTER_DEATH DEAD
#endif

#define LET_GO \
	open_by = open_by & ~(1 << me); \
	to_be_told = to_be_told & ~(1 << me); \
	held = 0

/* SIGKILL. The locks of a dead process say so; a new one takes its place. */
#define DIE \
	crashes--; \
	LET_GO; \
	append_lock = (append_lock == me + 1 -> AFTER_DEATH : append_lock); \
	sync_lock = (sync_lock == me + 1 -> AFTER_DEATH : sync_lock); \
	goto end_of_append

#define MAY_DIE :: atomic { crashes > 0 -> DIE }

/* No other process sees this half done; but death may come before it. */
#define STEP(what) if :: d_step { what } MAY_DIE fi

/* Write-back fails. The lost lines count as clean; a cache may show them still, or zeros. */
#define FAIL_WRITE_BACK(lost) \
	faults--; \
	cached = cached & ~(lost); \
	dirty = 0; \
	to_be_told = to_be_told | open_by

#ifdef TOLD_ONCE
#define TOLD to_be_told = 0
#else
#define TOLD to_be_told = to_be_told & ~(1 << me)
#endif

/*
 * fdatasync: a write-back error, of this call or an earlier one, is reported once to each
 * descriptor that was open when it occurred. The next call answers 0 over the lost lines, and
 * so does one by a later descriptor. That the error is known to the kernel and not yet to the
 * caller is the place where death hurts.
 */
inline fdatasync()
{
	if
	:: d_step { (to_be_told & (1 << me)) == 0 -> failed = false; safe[file] = safe[file] | dirty; dirty = 0 }
	:: d_step { (to_be_told & (1 << me)) != 0 -> failed = true; TOLD }
	:: d_step { faults > 0 && dirty != 0 -> FAIL_WRITE_BACK(0); failed = true; TOLD }
	:: d_step { faults > 0 && dirty != 0 -> FAIL_WRITE_BACK(dirty); failed = true; TOLD }
	MAY_DIE
	fi
}

/* It has lost its name: nobody syncs it any more. */
#define LEAVE_FILE open_by = 0; to_be_told = 0

/* The file is opened: what is in it by now this descriptor's sync does not speak for. */
#define HOLD(generation_) \
	held = generation_; \
	blind = size; \
	open_by = open_by | (1 << me); \
	to_be_told = to_be_told & ~(1 << me)

#define RANGE(from, to) (LINES(to) & ~LINES(from))

#ifdef NO_CHECK
#define NOT_WHOLE(from, to) 0
#else
#define NOT_WHOLE(from, to) (RANGE(from, to) & ~cached)
#endif

/* Lines that are whole in the cache are written anew, through our descriptor. */
inline renew(from, to)
{
	STEP(
		failed = (NOT_WHOLE(from, to) != 0);
		if
		:: !failed -> dirty = dirty | (RANGE(from, to) & cached)
		:: else
		fi
	)
}

/* --- locks ------------------------------------------------------------------------------------ */

inline take_sync_lock()
{
	if
	:: d_step { sync_lock == FREE || sync_lock == DEAD -> died = (sync_lock == DEAD); sync_lock = me + 1 }
	MAY_DIE
	fi
}

inline bury_leader()
{
	if
	:: died && in_flight != 0 ->
		STEP(poisoned = true);
		STEP(in_flight = 0)
	:: else
	fi;
	died = false
}

/* --- commit.c --------------------------------------------------------------------------------- */

inline sync_marked()
{
	mark = written;
	failed = false;
#ifndef NO_BLIND
	if
	:: synced < blind && synced < mark ->
		till = (blind < mark -> blind : mark);
		renew(synced, till);
		till = 0
	:: else
	fi;
#endif
	if
	:: failed -> STEP(poisoned = true)
	:: else ->
#ifndef NO_MARK
		STEP(in_flight = mark);
#endif
#ifdef EARLY_MARK
		STEP(synced = mark);
#endif
		fdatasync();
#ifndef NO_POISON
		if
		:: failed -> STEP(poisoned = true)
		:: else -> STEP(synced = mark)
		fi;
#else
		if
		:: failed
		:: else -> STEP(synced = mark)
		fi;
#endif
		STEP(in_flight = 0)
	fi;
	failed = false;
	mark = 0
}

inline end_generation()
{
#ifndef NO_QUIESCE
	take_sync_lock();
	bury_leader();
#endif
	if
	:: !poisoned && synced < written -> sync_marked()
	:: else
	fi;
	STEP(past[generation] = synced; current = 0);
#ifndef NO_QUIESCE
	STEP(sync_lock = FREE)
#endif
}

/* From here on everything below n counts as spooled. */
inline begin_generation(n)
{
	STEP(assert(ARE_SAFE(file, n)); generation++; assert(generation < GENERATIONS); written = n; synced = n);
	STEP(poisoned = false; current = generation; known = true; held = generation)
}

/*
 * decided: 0 not yet, 1 on stable storage, 2 not, or nobody can tell. Without a lock the
 * mark is read in a step of its own.
 */
inline judge()
{
	STEP(
		if
		:: current != t_generation -> decided = (past[t_generation] >= t_target -> 1 : 2)
		:: else -> decided = (poisoned -> 2 : (mark >= t_target -> 1 : 0))
		fi;
		mark = 0
	)
}

inline decide()
{
	STEP(mark = (current == t_generation -> synced : 0));
	judge()
}

/* Waits for a change, where the store looks up now and then. */
inline wait()
{
	do
	:: decided != 0 -> break
	:: decided == 0 ->
		decide();
		if
		:: decided != 0
		:: decided == 0 ->
			if
			:: d_step { sync_lock == FREE || sync_lock == DEAD ->
					died = (sync_lock == DEAD); sync_lock = me + 1 }
				bury_leader();
				mark = synced; /* nobody but the holder of the lock moves it */
				judge();
				if
				:: decided == 0 -> sync_marked()
				:: else
				fi;
				STEP(sync_lock = FREE)
			:: current != t_generation || poisoned || synced >= t_target
			MAY_DIE
			fi
		fi
	od
}

/* --- segment.c, segment_open.c, segment_seal.c --------------------------------------------------- */

/* The name goes first. If that fails, or we are killed, the poison stays. */
inline move_aside()
{
#ifdef LATE_POISON
	STEP(known = false; poisoned = false);
#endif
	if
	:: exists -> STEP(exists = false; aside = true; dirty = 0; torn = false; LEAVE_FILE)
	:: exists -> skip /* rename fails */
	:: else
	fi;
	if
	:: !exists -> STEP(known = false); STEP(poisoned = false)
	:: else -> rename_fails = true
	fi
}

inline create()
{
	STEP(exists = true; file++; assert(file < FILES); size = 0; torn = false; dirty = 0; cached = 0; HOLD(0));
	begin_generation(0)
}

inline adopt()
{
	STEP(synced = size);
	STEP(poisoned = true);
	STEP(HOLD(0));
	failed = false;
	if
	:: torn || (LINES(size) & ~cached) != 0 -> move_aside()
	:: else ->
#ifndef NO_DOUBT
		renew(0, size);
#endif
		if
		:: !failed -> fdatasync()
		:: failed
		fi;
		if
		:: failed -> failed = false; move_aside()
		:: else -> begin_generation(size)
		fi
	fi
}

/* Ends with the open segment in order, or gives up (r 503) if a rename has failed. */
inline prepare()
{
	rename_fails = false;
	do
	:: rename_fails -> break
	:: !rename_fails && (!known || current != generation) ->
		if
		:: poisoned -> move_aside()
		:: !poisoned && aside -> STEP(aside = false) /* copied, with a sync of its own */
		:: !poisoned && !aside && exists -> adopt()
		:: !poisoned && !aside && !exists -> create()
		fi
	:: !rename_fails && known && current == generation ->
		if
		:: held != generation -> STEP(HOLD(generation))
		:: else
		fi;
		if
		:: poisoned -> end_generation(); move_aside()
		:: !poisoned && (torn || size > written) ->
			STEP(written = size);
			if
			:: torn -> end_generation(); STEP(poisoned = true); move_aside()
			:: else
			fi
		:: !poisoned && !torn && size == written && rotations > 0 && size > 0 ->
			rotations--;
			end_generation();
			if
			:: poisoned -> move_aside()
			:: else ->
				STEP(known = false);
				/* what is sealed counts as spooled */
				STEP(assert(ARE_SAFE(file, size)); exists = false; dirty = 0; LEAVE_FILE)
			fi
		:: !poisoned && !torn && size == written -> break
		fi
	od
}

/* --- a process: one append after the other ------------------------------------------------------- */

/* Those that are idle are all the same, so the first of them may as well be the next. */
#define MY_TURN (appends > 0 && (busy & LINES(me)) == LINES(me))
#define BEGIN appends--; busy = busy | (1 << me); append_lock = me + 1

proctype Process(byte me)
{
	byte t_generation, t_target, t_file, mark, decided;
	byte till;
	byte held, blind; /* the generation whose file we have open; 0: none */
	bool died, failed, rename_fails;

start:
	do
	:: appends == 0 -> break
	:: atomic { MY_TURN && (append_lock == FREE || append_lock == DEAD) -> BEGIN };
		goto append
	:: atomic { MY_TURN && busy == 0 -> /* state.c: whoever is alone sets up */
			sync_lock = FREE;
			poisoned = poisoned || in_flight != 0;
			in_flight = 0;
			BEGIN };
		goto append
	:: atomic { MY_TURN && busy == 0 && losses > 0 ->
			losses--;
			poisoned = false;
			in_flight = 0;
			sync_lock = FREE;
			known = false;
			current = 0;
			BEGIN };
		goto append
	od;
	goto done;

append:
	prepare();
	if
	:: rename_fails -> STEP(append_lock = FREE); goto end_of_append
	:: else
	fi;
	if /* a new line, or a duplicate of what stands there: it waits as well */
	:: d_step { dirty = dirty | (1 << size); cached = cached | (1 << size); size++; assert(size < 8) };
		STEP(written = size)
	:: size > 0
	:: atomic { crashes > 0 -> torn = true; DIE } /* in mid-write */
	fi;
	STEP(t_generation = generation; t_target = written; t_file = file; append_lock = FREE);
	wait();
	/* THE PROMISE: 200 means durable, and so is all that it may be a duplicate of */
	assert(decided != 1 || ARE_SAFE(t_file, t_target));
#ifdef NEVER_200
	assert(decided != 1);
#endif

end_of_append:
	atomic {
		busy = busy & ~(1 << me);
		t_generation = 0; t_target = 0; t_file = 0;
		mark = 0; till = 0; decided = 0; died = false; failed = false; rename_fails = false
	};
	if /* plain CGI: the next append is by a process that opens the file anew */
	:: d_step { held != 0 -> LET_GO; blind = 0 }
	:: skip
	fi;
	goto start;
done:
	skip
}

/* Write-back, at any time: nobody waits for it. */
proctype Disk()
{
end:
	do
	:: d_step { faults > 0 && dirty != 0 -> FAIL_WRITE_BACK(0) }
	:: d_step { faults > 0 && dirty != 0 -> FAIL_WRITE_BACK(dirty) }
	od
}

init {
	atomic { run Disk(); run Process(0); run Process(1); run Process(2) }
}

/*
 * The commit protocol of common/store/{commit,segment,state}.c, made so small that every
 * order in which things can happen is looked at. README.md says how to read and run it.
 *
 * Lines of a file are numbered; a set of lines is a mask. The shared state's variables
 * have the names they have in state.h. Deliberate defects, which must be found:
 *   NO_MARK        a leader does not publish that its sync is under way
 *   NO_POISON      a failed sync is forgotten
 *   EARLY_MARK     "synced" is published before the sync
 *   NO_ADOPT_MARK  a file that was found is synced without being marked as suspect
 *   LATE_POISON    the poison is forgotten before the file has lost its name
 *   NO_QUIESCE     a segment is ended while a leader may be at work on it
 *   NOT_ROBUST     the locks of a dead process stay taken
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

/* SIGKILL. The locks of a dead process say so; a new one takes its place. */
#define DIE \
	crashes--; \
	append_lock = (append_lock == me + 1 -> AFTER_DEATH : append_lock); \
	sync_lock = (sync_lock == me + 1 -> AFTER_DEATH : sync_lock); \
	goto end_of_append

#define MAY_DIE :: atomic { crashes > 0 -> DIE }

/* What no other process sees half done; but death may come before it. */
#define STEP(what) if :: d_step { what } MAY_DIE fi

/*
 * fdatasync: a write-back error is reported to one caller, once. Then the lost lines
 * count as clean, and the next call answers 0. That the error is known to the kernel
 * and not yet to the caller is the place where death hurts.
 */
inline fdatasync()
{
	if
	:: d_step { failed = false; safe[file] = safe[file] | dirty; dirty = 0 }
	:: d_step { faults > 0 && dirty != 0 -> faults--; failed = true; dirty = 0 }
	MAY_DIE
	fi
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
	STEP(in_flight = 0; failed = false; mark = 0)
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
	STEP(poisoned = false; current = generation; known = true)
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

/* --- segment.c ------------------------------------------------------------------------------------ */

/* The name goes first. If that fails, or we are killed, the poison stays. */
inline move_aside()
{
#ifdef LATE_POISON
	STEP(known = false; poisoned = false);
#endif
	if
	:: exists -> STEP(exists = false; aside = true; dirty = 0; torn = false)
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
	STEP(exists = true; file++; assert(file < FILES); size = 0; torn = false; dirty = 0);
	begin_generation(0)
}

inline adopt()
{
#ifndef NO_ADOPT_MARK
	STEP(synced = size);
	STEP(poisoned = true);
#endif
	if
	:: torn -> move_aside()
	:: else ->
		fdatasync();
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
				STEP(assert(ARE_SAFE(file, size)); exists = false; dirty = 0)
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
	:: atomic { MY_TURN && busy == 0 && losses > 0 && !poisoned && in_flight == 0 ->
			losses--;
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
	:: d_step { dirty = dirty | (1 << size); size++; assert(size < 8) };
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
		mark = 0; decided = 0; died = false; failed = false; rename_fails = false
	};
	goto start;
done:
	skip
}

init {
	atomic { run Process(0); run Process(1); run Process(2) }
}

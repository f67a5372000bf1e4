/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The life of three jobs on two CPUs, from create to the end of the module, in all
 * interleavings, for spin. What is modelled and what is left out is told in
 * Documentation/gpu/ttm-move-model.rst; scripts/model runs it.
 *
 * The comment beside a piece names the function of drivers/gpu/drm/ttm/move that it
 * stands for, or the kernel's. An atomic block is one step: whatever it does, others
 * could tell one moment of it only. A section under a lock begins with waiting for the
 * lock, which is seen to be held only where callbacks are called.
 *
 * Job 0 and then job 2 are armed by one task, job 1 by another. Jobs 0 and 1 share a
 * timeline; job 2 shares it, too, or has its own. Job 0 waits for DEP. Job 1 is a
 * failsafe job that guards GUARD. Job 2 waits for DEP and for job 1, and its release may
 * sleep.
 *
 * What happens in the step in which a job copies is the subject of ttm_move_share.pml.
 *
 * -DEARLY_FLUSH adds a flush at any time, which takes six times as long to search.
 * -DBUG_NAME plants a bug; they are in the file bugs, with the property that finds each.
 */

#define JOBS		3
#define CPUS		2
#define BIT(n)		(1 << (n))

#define FAILSAFE	1
#define SLEEPY		2

/* Fences: those of the jobs, and two of somebody else's. */
#define DEP		3
#define GUARD		4
#define FENCES		5

/* Timelines. Locks: theirs, and those of DEP and GUARD. */
#define SHARED		0
#define OWN		1
#define LOCKS		4
#define LOCK_OF(f)	((f) < JOBS -> timeline[f] : (f) - 1)

#define NOBODY		255

mtype = { NEW, WAITING, READY, COPYING, DONE, RETIRED };

/* The properties: true, or spin names the one that is not. */
bool signals_once = true;
bool signals_in_order = true;
bool starts_after_dependencies = true;
bool leaves_no_stale_bytes = true;
bool job_is_held = true;
bool fence_is_held = true;
bool timeline_is_held = true;
bool device_is_there = true;
bool text_is_there = true;
bool hook_is_called_once = true;
bool flush_waits_for_release = true;
bool fini_waits_for_all = true;
bool fini_frees_what_nobody_holds = true;

#define CHECK(property, condition)	d_step { property = condition; assert(property) }

/*
 * struct ttm_move_job: what it holds goes with release, its memory with the last
 * reference to its fence.
 */
mtype state[JOBS] = NEW;
byte timeline[JOBS] = SHARED;
byte pending[JOBS];
byte deps[JOBS * 2];
byte num_deps[JOBS];
bool failed;			/* of the failsafe job: the guard was in error before */
bool none;			/* of the failsafe job: it has nothing to do */
bool copied[JOBS];
bool hooked[JOBS];		/* the retired hook was called */
bool released[JOBS];

/* struct dma_fence, of the jobs and of others. */
byte ref[FENCES];
byte seqno[FENCES];
byte callbacks[FENCES];		/* bits: jobs that wait for it */
bool signalled[FENCES];
bool gone[FENCES];		/* freed */
bool guard_error;
bool lock[LOCKS];

/* struct ttm_move_timeline. */
chan jobs[2] = [JOBS] of { byte };
byte timeline_ref[2] = 1;
byte last_seqno[2];
byte last_signalled[2];

/* struct ttm_move_device. */
bool device = true;
byte armed, in_flight;		/* bits: jobs */
bool waiting;			/* the flush is asleep */
bool to_release;		/* release_work is queued */
byte busy;			/* work items, queued and running */
byte cpus = CPUS;		/* idle */

/* The module, and RCU. */
bool text = true;
byte users = 1;			/* of the module: the driver, and the jobs */
byte readers;			/* callbacks that have not returned */
byte rcu_queued, rcu_done;
bool in_release;		/* a holder that put the last reference */

/* The other tasks. */
byte callers = 2;
bool published;			/* the fence of the failsafe job */
byte held;			/* bits: fences of jobs, for longer than by the worker */
bool late;			/* the time of holders and RCU has come */

#define USE_JOB(j)	CHECK(job_is_held, !released[j] && !gone[j])
#define USE_FENCE(f)	CHECK(fence_is_held, !gone[f])
#define USE_TIMELINE(t)	\
	CHECK(timeline_is_held, (t == OWN -> !gone[SLEEPY] : timeline_ref[SHARED] > 0))
#define USE_DEVICE()	CHECK(device_is_there, device)
#define USE_TEXT()	CHECK(text_is_there, text)

/* Takes any one out of a set of jobs. */
#define PICK(set, one)	\
	if	\
	:: set & BIT(0) -> one = 0	\
	:: set & BIT(1) -> one = 1	\
	:: set & BIT(2) -> one = 2	\
	fi;	\
	set = set & ~BIT(one)

/* References. These are parts of steps, as all that has no atomic of its own. */

inline timeline_get(t)		/* ttm_move_timeline_get() */
{
	USE_TIMELINE(t);
	timeline_ref[t]++
}

inline timeline_put(t)		/* ttm_move_timeline_put() */
{
	USE_TIMELINE(t);
	timeline_ref[t]--
}

inline fence_get(f)		/* dma_fence_get() */
{
	CHECK(fence_is_held, ref[f] > 0);
	ref[f]++
}

#define IN_SHARED(f)	(f < JOBS && timeline[f] == SHARED)

/* Memory is gone at once: RCU could only keep it for longer. */
inline fence_put(f)		/* dma_fence_put() */
{
	CHECK(fence_is_held, ref[f] > 0);
	ref[f]--;
	if
	:: ref[f] == 0 ->	/* ttm_move_fence_release(), ttm_move_job_free() */
		gone[f] = true;
		rcu_queued = rcu_queued + (f < JOBS);
		CHECK(timeline_is_held, !IN_SHARED(f) || timeline_ref[SHARED]);
		timeline_ref[SHARED] = timeline_ref[SHARED] - IN_SHARED(f)
	:: else
	fi
}

/* Dependencies */

/* ttm_move_job_is_needed(), which looks at the fence that is guarded. */
inline decide(j)
{
	CHECK(fence_is_held, j != FAILSAFE || !num_deps[j] || !gone[GUARD]);
	none = (j == FAILSAFE -> !failed && !guard_error : none)
}

inline depend_put(j)		/* ttm_move_job_depend_put() */
{
	USE_JOB(j);
	pending[j]--;
	if
	:: pending[j] == 0 ->
		USE_DEVICE();
#ifndef BUG_DECIDE_IN_ARM
		decide(j);
#endif
		busy++;
		state[j] = READY
	:: else
	fi
}

/* With the fence's lock held. */
inline call_back(f, j)		/* ttm_move_dep_signalled(), for one who waits */
{
	PICK(callbacks[f], j);
	depend_put(j);
#ifdef BUG_SIGNAL_IN_CALLBACK
	!lock[timeline[j]];
#endif
	j = 0
}

/* Arm */

/* Somebody holds the fence until it has signalled, and the caller finds it there. */
inline add_dependency(j, f)	/* ttm_move_job_add_dependency() */
{
	if
	:: !signalled[f] && (f >= JOBS || published) ->
#ifndef BUG_NO_DEPENDENCY_REF
		fence_get(f);
#endif
		deps[j * 2 + num_deps[j]] = f;
		num_deps[j]++
	:: else
	fi
}

inline create(j)		/* ttm_move_job_create(), and what describes the job */
{
#ifndef BUG_NO_MODULE_REF
	users++;
#endif
	if
	:: timeline[j] == SHARED -> timeline_get(SHARED)
	:: else
	fi;
	if
	:: j == FAILSAFE ->	/* ttm_move_job_add_guard() */
		add_dependency(j, GUARD);
		failed = signalled[GUARD] && guard_error
	:: else -> add_dependency(j, DEP)
	fi;
	if
	:: j == SLEEPY -> add_dependency(j, FAILSAFE)
	:: else
	fi
}

inline track(j)			/* ttm_move_device_track() */
{
	USE_DEVICE();
	armed = armed | BIT(j);
	in_flight = in_flight | BIT(j)
}

inline timeline_add(t, j)	/* ttm_move_timeline_add() */
{
	USE_TIMELINE(t);
	last_seqno[t]++;
	seqno[j] = last_seqno[t];
	ref[j] = 1;
	jobs[t]!j
}

inline add_callback(f, j)	/* dma_fence_add_callback() */
{
	USE_FENCE(f);
	met = signalled[f];
	callbacks[f] = callbacks[f] | (met -> 0 : BIT(j))
}

/* What comes before ttm_move_job_arm(), and its beginning: nobody has seen the job. */
inline arm_begin(j)
{
	create(j);
#if defined(BUG_NO_COUNT_FOR_ARM) || defined(BUG_FORGET_LAST)
	pending[j] = (num_deps[j] -> num_deps[j] : 1);
#elif defined(BUG_COUNT_LATE)
	pending[j] = 1;
#else
	pending[j] = num_deps[j] + 1;
#endif
#ifdef BUG_DECIDE_IN_ARM
	decide(j);
#endif
	state[j] = WAITING;
	track(j)
}

inline caller_end()
{
	callers--;
	if
	:: callers == 0 -> timeline_put(SHARED)	/* the timeline's creator */
	:: else
	fi
}

/* What step i of ttm_move_job_arm() is about: a dependency, or the end. */
#define DEP_OF(j)	deps[j * 2 + i - 1]
#ifdef BUG_FORGET_LAST
#define IS_END(j)	(i >= num_deps[j])
#else
#define IS_END(j)	(i > num_deps[j])
#endif

/* Arms job j and each second one after it. */
proctype caller(byte j)
{
	byte i;
	bool met;

	do
	:: atomic { !i -> arm_begin(j); i = 1 }
	   atomic {
		!lock[timeline[j]] ->
#ifdef BUG_GET_LATE
		timeline_add(timeline[j], j)
#else
		timeline_add(timeline[j], j);
		fence_get(j)
#endif
	   }
	:: atomic {
		i && (IS_END(j) || !lock[LOCK_OF(DEP_OF(j))]) ->
		USE_JOB(j);
		if
#ifdef BUG_NO_COUNT_FOR_ARM
		:: IS_END(j) -> met = !num_deps[j]
#else
		:: IS_END(j) -> met = true
#endif
		:: else -> add_callback(DEP_OF(j), j)
		fi;
#ifdef BUG_COUNT_LATE
	   }
	   atomic {
		pending[j] = pending[j] + !met;
#endif
		if
		:: met -> depend_put(j); met = false
		:: else
		fi;
#ifdef BUG_GET_LATE
	   }
	   atomic {
		if
		:: IS_END(j) -> fence_get(j)
		:: else
		fi;
#endif
		if
		:: IS_END(j) -> published = published || j == FAILSAFE; i = 0; j = j + 2
		:: else -> i++
		fi;
		if
		:: j >= JOBS -> j = 0; caller_end(); break
		:: else
		fi
	   }
	od
}

/* The worker */

/* What is set back here nobody looks at again: states that are alike shall be equal. */
inline signal(t, j)		/* ttm_move_timeline_signal() */
{
	CHECK(signals_once, !signalled[j]);
	CHECK(signals_in_order, seqno[j] == last_signalled[t] + 1);
	CHECK(leaves_no_stale_bytes, copied[j] || j == FAILSAFE && !guard_error);
	last_signalled[t] = seqno[j];
	state[j] = RETIRED;
	signalled[j] = true;
	seqno[j] = 0;
	copied[j] = false;
	if
	:: j == FAILSAFE -> guard_error = false; failed = false; none = false
	:: else
	fi
}

/* The job at the head if it is done, or nobody. */
inline look(t, j)		/* ttm_move_timeline_signal_head(), first half */
{
	USE_TIMELINE(t);
	j = NOBODY;
	if
	:: len(jobs[t]) > 0 -> jobs[t]?<j>; j = (state[j] == DONE -> j : NOBODY)
	:: else
	fi
}

/* The end of a work item belongs to its last step. */
inline work_end()
{
	if
	:: !retired -> USE_TEXT(); busy--; cpus++
	:: else
	fi
}

/* The lock is held from one step to another only where somebody is to be called back. */
inline retire(t)		/* ttm_move_timeline_retire(), the loop */
{
	do
	:: atomic {
		!locked && !lock[t] ->
		look(t, f);
#ifdef BUG_DONE_UNLOCKED
		f = (leave -> NOBODY : f);
#endif
		if
		:: f == NOBODY ->
			f = 0;
#if !defined(BUG_NO_TIMELINE_REF) && !defined(BUG_KEEP_TIMELINE_REF)
			timeline_put(t);
#endif
			work_end();
			break
		:: else
		fi;
#ifdef BUG_LOOK_UNLOCKED
	   }
	   atomic {
		signal(t, f);
#endif
		jobs[t]?_;
#ifdef BUG_SIGNAL_UNLOCKED
	   }
	   atomic {
#endif
#ifndef BUG_LOOK_UNLOCKED
		signal(t, f);
#endif
		retired = retired | BIT(f);
		locked = callbacks[f] != 0;
		lock[t] = locked
	   }
	:: atomic { locked && callbacks[f] -> call_back(f, i) }
	:: atomic { locked && !callbacks[f] -> USE_TIMELINE(t); lock[t] = false; locked = false }
	od
}

/* Release */

inline fini(j)			/* ttm_move_job_fini() */
{
	CHECK(hook_is_called_once, !hooked[j]);
	USE_JOB(j);
	USE_DEVICE();
	hooked[j] = true;
	released[j] = true;
	do
	:: num_deps[j] > 0 ->
		num_deps[j]--;
		f = deps[j * 2 + num_deps[j]];
		deps[j * 2 + num_deps[j]] = 0;
#ifndef BUG_NO_DEPENDENCY_REF
		fence_put(f)
#endif
	:: else -> f = 0; break
	od
}

inline untrack(j)		/* ttm_move_device_untrack(), under the lock */
{
	USE_FENCE(j);
	USE_DEVICE();
	CHECK(flush_waits_for_release, signalled[j] && hooked[j]);
	in_flight = in_flight & ~BIT(j)
}

inline wake()			/* ttm_move_device_untrack(), without the lock */
{
	USE_DEVICE();
	waiting = false
}

/* Others who hold the fence have put it by now, or will: until now nobody could tell. */
inline put(j)
{
	if
	:: held = held | BIT(j)
	:: ref[j]--
	fi;
	fence_put(j)
}

/* Both steps of ttm_move_job_release(). */
#if defined(BUG_UNTRACK_FIRST)
inline release_begin(j)	{ untrack(j) }
inline release_end(j)	{ fini(j); wake(); put(j) }
#elif defined(BUG_WAKE_FIRST)
inline release_begin(j)	{ fini(j); wake() }
inline release_end(j)	{ untrack(j); put(j) }
#elif defined(BUG_PUT_FIRST)
inline release_begin(j)	{ fini(j); put(j) }
inline release_end(j)	{ untrack(j); wake() }
#elif defined(BUG_PUT_TWICE)
inline release_begin(j)	{ fini(j); untrack(j) }
inline release_end(j)	{ wake(); put(j); fence_put(j) }
#else
inline release_begin(j)	{ fini(j); untrack(j) }
inline release_end(j)	{ wake(); put(j) }
#endif

/* In any order. */
inline release_all()		/* ttm_move_job_release_all() */
{
	i = NOBODY;
	do
	:: atomic {
		i == NOBODY && retired ->
		PICK(retired, i);
		if
		:: i == SLEEPY ->
			USE_DEVICE();
			to_release = true;
			busy++;
#ifdef BUG_RELEASE_TWICE
			release_begin(i);
#else
			i = NOBODY;
			work_end()
#endif
		:: else -> release_begin(i)
		fi
	   }
	:: atomic { i != NOBODY -> release_end(i); i = NOBODY; work_end() }
	:: i == NOBODY && !retired -> break
	od
}

proctype work(byte j)		/* ttm_move_work() */
{
	byte i, f, t, retired;
	bool locked;
#ifdef BUG_DONE_UNLOCKED
	bool leave;
#endif

	atomic {			/* ttm_move_job_begin() */
		state[j] == READY && cpus > 0 ->
		cpus--;
		state[j] = COPYING;
		USE_JOB(j);
		USE_DEVICE();
		do
		:: i < num_deps[j] ->
			CHECK(starts_after_dependencies, signalled[deps[j * 2 + i]]);
			i++
		:: else -> i = 0; break
		od
		copied[j] = j != FAILSAFE || !none;
		t = timeline[j]
	}
	atomic {
		!lock[t] ->
		USE_JOB(j);
#ifndef BUG_NO_TIMELINE_REF
		timeline_get(t);
#endif
#ifdef BUG_DONE_UNLOCKED
		jobs[t]?<f>
	}
	atomic {
		state[j] = DONE;
		leave = f != j;
		f = 0
#else
		state[j] = DONE
#endif
	}
#ifdef BUG_WAIT_FOR_TURN
	jobs[t]?[eval(j)];
#endif
	retire(t);
	release_all()
}

proctype release_work()		/* ttm_move_job_release_work() */
{
	byte f, retired;

	atomic { to_release && cpus > 0 -> cpus--; release_begin(SLEEPY) }
	atomic { release_end(SLEEPY); work_end() }
}

/* Others */

proctype signaller(byte f)	/* dma_fence_signal(), of DEP or GUARD */
{
	byte j;
	bool called;

	atomic {
		!lock[LOCK_OF(f)] ->
		if
		:: f == GUARD -> guard_error = true	/* dma_fence_set_error() */
		:: true
		fi;
		signalled[f] = true;
		called = callbacks[f] != 0;
		lock[LOCK_OF(f)] = true;
		readers = readers + called
	}
	do
	:: atomic { callbacks[f] -> call_back(f, j) }
	:: atomic {
		!callbacks[f] ->
		CHECK(text_is_there, text || !called);
		readers = readers - called;
		called = false;
		lock[LOCK_OF(f)] = false;
		fence_put(f)
	   }
	   break
	od
}

proctype holders()
{
	byte j;

	do
	:: atomic {
		late && held ->
		PICK(held, j);
		USE_FENCE(j);
		USE_TIMELINE(timeline[j]);	/* where the fence's lock is */
		in_release = ref[j] == 1;
		fence_put(j);
		j = 0
	   }
	   atomic { CHECK(text_is_there, text || !in_release); in_release = false }
	:: late && !held -> break
	od
}

proctype rcu()
{
	do
	:: atomic {
		late && rcu_done < rcu_queued && !readers ->
#ifdef BUG_NO_MODULE_REF
		skip
#else
		users--			/* module_put() */
#endif
	   }
	   atomic { USE_TEXT(); rcu_done++ }
	:: !text -> break
	od
}

/* Teardown */

inline take_ticket()		/* ttm_move_device_armed() */
{
	ticket = armed
}

inline flush()			/* ttm_move_device_flush() */
{
	do
	:: atomic {
		!waiting ->
		if
#ifdef BUG_POLL
		:: in_flight & ticket -> skip
#else
		:: in_flight & ticket -> waiting = true
#endif
		:: else -> ticket = 0; break
		fi
	   }
	od
}

inline rcu_barrier()		/* for the callbacks that are queued now */
{
	seen = rcu_queued;
	atomic { rcu_done >= seen -> seen = 0 }
}

#define NUM_HELD	((ref[0] > 0) + (ref[1] > 0) + (ref[2] > 0))

inline device_fini()		/* ttm_move_device_fini() */
{
#ifndef BUG_NO_FLUSH
	flush();
#endif
#ifndef BUG_NO_DRAIN
	busy == 0;			/* destroy_workqueue(), all of them */
#endif
	atomic { CHECK(fini_waits_for_all, !in_flight); late = true; left = 1 + NUM_HELD }
#ifndef BUG_NO_FINI_BARRIER
	rcu_barrier();
#endif
	CHECK(fini_frees_what_nobody_holds, users <= left);
	device = false
}

inline module_exit()		/* ttm_move_module_exit() */
{
	users == 0;			/* delete_module() */
#ifndef BUG_NO_EXIT_BARRIER
	rcu_barrier();
#endif
#ifndef BUG_NO_TASKS_BARRIER
	!in_release;			/* synchronize_rcu_tasks() */
#endif
	text = false
}

proctype teardown()
{
	byte ticket, seen, left;

#ifdef EARLY_FLUSH
	take_ticket();
	flush();
#endif
	atomic { callers == 0 -> take_ticket() }	/* no move can start */
	device_fini();
	users--;			/* the driver goes */
	module_exit();
	timeline_ref[SHARED] == 0 && gone[DEP] && gone[GUARD]	/* or it ends here */
}

init
{
	atomic {
		if
		:: timeline[SLEEPY] = OWN
		:: timeline[SLEEPY] = SHARED
		fi;
		ref[DEP] = 1;
		ref[GUARD] = 1;
		run caller(0);
		run caller(1);
		run work(0);
		run work(1);
		run work(2);
		run release_work();
		run signaller(DEP);
		run signaller(GUARD);
		run holders();
		run rcu();
		run teardown()
	}
}

/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Workers that share the chunks of one job, on one CPU or on two, in all interleavings,
 * for spin: a part of ttm_move.pml, where a copy is one step, looked at closely. What
 * is modelled and what is left out is told in Documentation/gpu/ttm-move-model.rst;
 * scripts/model runs it.
 *
 * The comment beside a piece names the function of
 * drivers/gpu/drm/ttm/move/ttm_move_work.c that it stands for. An atomic block is one
 * step.
 *
 * -DBUG_NAME plants a bug; they are in the file bugs, with the property that finds each.
 */

#define CHUNKS		3
#define HELPERS		2
#define FIRST		HELPERS		/* who is certain to come */
#define WORKERS		(HELPERS + 1)

mtype = { READY, COPYING, RETIRED };

/* The properties: true, or spin names the one that is not. */
bool begins_once = true;
bool moves_each_chunk_once = true;
bool ends_alone = true;
bool signals_once = true;
bool leaves_no_stale_bytes = true;
bool job_is_held = true;
bool fence_is_held = true;
bool device_is_there = true;

#define CHECK(property, condition)	d_step { property = condition; assert(property) }

/* struct ttm_move_job */
mtype state = READY;
byte taken, chunks_left = CHUNKS;
bool begun, error;
bool taken_by_one[CHUNKS];
byte under_way;			/* chunks that are taken, and not written yet */
bool dirty = true;		/* stale bytes, or some of a copy that has failed */
bool released;			/* what it held of memory is given back */

/* Its fence: a reference for the job, and one for the first worker. */
byte ref = 2;
bool gone;

/* Work items, and struct ttm_move_worker. */
bool queued[WORKERS];
bool busy[HELPERS];
byte running;
byte cpus;			/* idle */
bool device = true;

#define USE_MEMORY()	CHECK(job_is_held, !released && !gone)
#define USE_JOB()	CHECK(fence_is_held, !gone)
#define USE_DEVICE()	CHECK(device_is_there, device)

inline put()			/* dma_fence_put() */
{
	CHECK(fence_is_held, ref > 0);
	ref--;
	gone = ref == 0
}

/* The end of a job, by whoever is the last */

inline end_job()		/* ttm_move_job_end(), ttm_move_job_release_all() */
{
	atomic {
		CHECK(signals_once, state != RETIRED);
		CHECK(ends_alone, !under_way);
		USE_MEMORY();
#ifdef BUG_SHARE_CLEAR_AT_ONCE
		dirty = dirty && error;
#else
		dirty = false;		/* all is written, or cleared */
#endif
	}
	atomic {			/* ttm_move_timeline_retire() */
		CHECK(leaves_no_stale_bytes, !dirty);
		state = RETIRED
	}
	atomic { USE_MEMORY(); released = true; put() }
}

/* Chunks */

/* Whoever has taken one is the only one who will move it. */
inline own()
{
	if
	:: i < CHUNKS ->
		CHECK(moves_each_chunk_once, !taken_by_one[i]);
		taken_by_one[i] = true;
		under_way++
	:: else
	fi
}

inline take()			/* ttm_move_chunk_take() */
{
#ifdef BUG_SHARE_TAKE_IN_TWO
	atomic { USE_JOB(); i = taken; own() }
	atomic { taken = (i < CHUNKS -> i + 1 : CHUNKS) }
#else
	atomic {
		USE_JOB();
		i = taken;
		taken = (i < CHUNKS -> i + 1 : CHUNKS);
		own()
	}
#endif
}

/*
 * Begins to write, and has written, or has failed. What is written after another chunk
 * has failed has to be cleared as well.
 */
inline move()			/* ttm_move_chunk_move() */
{
	atomic {
		USE_MEMORY();
		writes = !error
	}
	atomic {
		if
		:: writes -> USE_MEMORY(); writes = false; dirty = true
		:: else
		fi;
		under_way--;
		if
#ifdef BUG_SHARE_CLEAR_AT_ONCE
		:: error = true; dirty = false
#else
		:: error = true
#endif
		:: true
		fi
	}
}

inline end()			/* ttm_move_chunk_end() */
{
#ifdef BUG_SHARE_END_IN_TWO
	atomic { USE_JOB(); chunks_left-- }
	atomic { last = chunks_left == 0 }
#elif defined(BUG_SHARE_END_WHEN_TAKEN)
	atomic { USE_JOB(); last = taken == CHUNKS }
#else
	atomic { USE_JOB(); chunks_left--; last = chunks_left == 0 }
#endif
}

/* Workers */

inline call_helper(h)		/* ttm_move_help_queue() */
{
	busy[h] = true;
#ifndef BUG_SHARE_NO_HELPER_REF
	ref++;
#endif
	queued[h] = true
}

/* Those whom limits and idle CPUs allow, which may be any. */
inline recruit()		/* ttm_move_job_recruit() */
{
	atomic {
		USE_JOB();
		USE_DEVICE();
		if
		:: taken < CHUNKS && !busy[0] -> call_helper(0)
		:: taken < CHUNKS && !busy[1] -> call_helper(1)
		:: true
		fi
	}
}

/* The work item comes to its end. */
inline work_end()
{
	USE_DEVICE();
	running--;
	cpus++
}

inline begin()			/* ttm_move_job_begin() */
{
#ifdef BUG_SHARE_BEGIN_BY_STATE
	if
	:: state != COPYING ->
#else
	if
	:: !taken ->
#endif
		CHECK(begins_once, !begun);
		USE_MEMORY();
		begun = true;
		state = COPYING
	:: else
	fi
}

/*
 * A turn after the other, each with at least one chunk where there is one. From one to
 * the next the worker has no CPU, and the job may end.
 */
proctype first()		/* ttm_move_work() */
{
	byte i;
	bool writes, last, again;

	do
	:: atomic {
		queued[FIRST] && cpus > 0 ->
		queued[FIRST] = false;
		cpus--;
		running++;
		again = false;
		begin()
	   }
	   do
	   :: recruit();
	      take();
	      if
	      :: i >= CHUNKS -> break
	      :: else
	      fi;
	      move();
	      end();
	      if
	      :: last -> end_job(); break
	      :: else
	      fi;
	      atomic {			/* ttm_move_work_gives_way() */
		USE_JOB();
		USE_DEVICE();
		if
		:: taken < CHUNKS -> again = true
		:: true
		fi
	      }
	      if
	      :: again -> break
	      :: else
	      fi
	   od;
#ifdef BUG_SHARE_WAIT_FOR_HELPERS
	   !busy[0] && !busy[1];
#endif
	   atomic {
		if
		:: again -> queued[FIRST] = true; work_end()
		:: else -> put(); work_end(); break
		fi
	   }
	od
}

proctype help(byte h)		/* ttm_move_help() */
{
	byte i;
	bool writes, last, go;

	do
	:: atomic {
		queued[h] && cpus > 0 ->
		queued[h] = false;
		cpus--;
		running++;
		go = false;
		last = false
	   }
	   do
	   :: take();
	      if
	      :: i >= CHUNKS -> break
	      :: else
	      fi;
#ifdef BUG_SHARE_GO_WITH_CHUNK
	      if
	      :: break
	      :: true
	      fi;
#endif
	      move();
	      end();
	      if
	      :: last -> end_job(); break
	      :: else
	      fi;
	      atomic {			/* ttm_move_helper_must_go() */
		USE_JOB();
		USE_DEVICE();
#ifdef BUG_SHARE_LIMIT_BY_SOURCE
		USE_MEMORY();
#endif
		if
		:: go = true
		:: true
		fi
	      }
	      if
	      :: go -> break
	      :: else
	      fi
	   od;
#ifdef BUG_SHARE_PUT_FIRST
	   atomic { put() }
#endif
	   atomic { USE_JOB(); busy[h] = false }
	   atomic {
#if !defined(BUG_SHARE_PUT_FIRST) && !defined(BUG_SHARE_NO_HELPER_REF)
		put();
#endif
		work_end()
	   }
	:: device == false && !queued[h] -> break
	od
}

/* A flush, and the end of the device. */
proctype teardown()
{
	released;			/* ttm_move_device_flush() */
#ifndef BUG_SHARE_NO_DRAIN
	atomic {			/* destroy_workqueue(), all of them */
		!running && !queued[0] && !queued[1] && !queued[FIRST] ->
		device = false
	}
#else
	device = false;
#endif
	gone				/* or it ends here */
}

init
{
	atomic {
		if
		:: cpus = 1
		:: cpus = 2
		fi;
		queued[FIRST] = true;
		run first();
		run help(0);
		run help(1);
		run teardown()
	}
}

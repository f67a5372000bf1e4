/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ttm_move

#if !defined(_TTM_MOVE_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _TTM_MOVE_TRACE_H_

#include <linux/ktime.h>
#include <linux/tracepoint.h>

#include "ttm_move_internal.h"

/*
 * One line per stage of a job. ns is the time that the stage before took: since
 * arming for ready, 0 where there was nothing to wait for, since ready for copy_begin,
 * the copy itself for copy_end, and the whole life from arm to signal for retired.
 */
DECLARE_EVENT_CLASS(ttm_move_job,
	TP_PROTO(struct ttm_move_job *job, s64 ns),
	TP_ARGS(job, ns),
	TP_STRUCT__entry(
		__field(u64, context)
		__field(u64, seqno)
		__string(dir, job->direction)
		__field(u64, bytes)
		__field(s64, ns)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->context = job->fence.context;
		__entry->seqno = job->fence.seqno;
		ttm_move_assign_str(dir, job->direction);
		__entry->bytes = job->bytes;
		__entry->ns = ns;
		__entry->error = job->error;
	),
	TP_printk("context=%llu seqno=%llu dir=%s bytes=%llu ns=%lld error=%d",
		  __entry->context, __entry->seqno, __get_str(dir),
		  __entry->bytes, __entry->ns, __entry->error)
);

DEFINE_EVENT(ttm_move_job, ttm_move_queued,
	TP_PROTO(struct ttm_move_job *job, s64 ns), TP_ARGS(job, ns));
DEFINE_EVENT(ttm_move_job, ttm_move_ready,
	TP_PROTO(struct ttm_move_job *job, s64 ns), TP_ARGS(job, ns));
DEFINE_EVENT(ttm_move_job, ttm_move_copy_begin,
	TP_PROTO(struct ttm_move_job *job, s64 ns), TP_ARGS(job, ns));
DEFINE_EVENT(ttm_move_job, ttm_move_copy_end,
	TP_PROTO(struct ttm_move_job *job, s64 ns), TP_ARGS(job, ns));
DEFINE_EVENT(ttm_move_job, ttm_move_retired,
	TP_PROTO(struct ttm_move_job *job, s64 ns), TP_ARGS(job, ns));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE ttm_move_trace
#include <trace/define_trace.h>

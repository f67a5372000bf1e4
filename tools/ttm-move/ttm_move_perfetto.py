# SPDX-License-Identifier: MIT
"""A trace in the JSON that chrome://tracing and ui.perfetto.dev open: what each thread
copied, and the life of each job, by timeline."""

from typing import Dict, Iterable, Iterator, List

from ttm_move_trace import Job

WORKERS, TIMELINES = 1, 2

# A part of a job's life, and the stages between which it lies.
PARTS = (("waiting", "queued", "ready"), ("ready", "ready", "copy_begin"),
         ("copying", "copy_begin", "copy_end"), ("done", "copy_end", "retired"))


def name_of(what: str, process: int, thread: int, name: str) -> dict:
    """What a process or a thread is called."""
    return {"ph": "M", "name": f"{what}_name", "pid": process, "tid": thread,
            "args": {"name": name}}


def spans(job: Job) -> Iterator[tuple]:
    """The parts of a job's life that the trace has: name, begin and end in microseconds."""
    for name, begin, end in PARTS:
        if begin in job.stage_ns and end in job.stage_ns:
            yield name, job.stage_ns[begin] / 1e3, job.stage_ns[end] / 1e3


def arguments(job: Job) -> dict:
    """What is shown of a job when it is chosen."""
    return {"context": job.context, "seqno": job.seqno, "direction": job.direction,
            "bytes": job.bytes, "error": job.error}


def copies(jobs: Iterable[Job], threads: Dict[str, int]) -> Iterator[dict]:
    """A slice for each copy, on the thread that made it."""
    for job in jobs:
        for name, begin, end in spans(job):
            if name == "copying" and job.worker:
                yield {"ph": "X", "name": f"{job.direction} {job.bytes} bytes", "cat": "copy",
                       "pid": WORKERS, "tid": threads[job.worker], "ts": begin,
                       "dur": end - begin, "args": arguments(job)}


def lives(jobs: Iterable[Job]) -> Iterator[dict]:
    """Jobs of a timeline overlap, so that their parts are asynchronous slices."""
    for job in jobs:
        common = {"cat": "job", "id": f"{job.context}:{job.seqno}", "pid": TIMELINES,
                  "tid": job.context}
        for name, begin, end in spans(job):
            yield {"ph": "b", "name": name, "ts": begin, "args": arguments(job), **common}
            yield {"ph": "e", "name": name, "ts": end, **common}


def convert(jobs: List[Job]) -> dict:
    """The whole file."""
    threads = {worker: number for number, worker in
               enumerate(sorted({job.worker for job in jobs if job.worker}), 1)}
    events = [name_of("process", WORKERS, 0, "workers"),
              name_of("process", TIMELINES, 0, "timelines")]
    events += [name_of("thread", WORKERS, number, worker) for worker, number in threads.items()]
    events += [name_of("thread", TIMELINES, context, f"timeline {context}")
               for context in sorted({job.context for job in jobs})]
    return {"traceEvents": events + list(copies(jobs, threads)) + list(lives(jobs)),
            "displayTimeUnit": "ns"}

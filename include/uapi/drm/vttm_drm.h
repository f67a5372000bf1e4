/* SPDX-License-Identifier: MIT */
/*
 * User-space interface of vttm, the virtual TTM device.
 */
#ifndef _UAPI_VTTM_DRM_H_
#define _UAPI_VTTM_DRM_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: vttm ioctls
 *
 * All ioctls may be issued on the render node. Every ioctl first checks its
 * whole argument and only then acts: unless its text says otherwise, an ioctl
 * that returns an error has moved nothing and keeps no reference. Members called
 * @pad, and reserved flags, must be zero.
 *
 * Errors that every ioctl may return, besides those named with its structure:
 *
 * ========  ==================================================================
 * EINVAL    an unknown flag, a non-zero padding, or a value out of its range
 * ENOENT    the handle names no object of this file
 * ENODEV    the device was unplugged
 * EINTR     a signal arrived while the call waited; call again
 * ENOMEM    out of memory, or no room in video memory for the object that could
 *           be made without what other calls have locked at this moment
 * ========  ==================================================================
 */

/* Ioctl numbers, from DRM_COMMAND_BASE on. */
#define DRM_VTTM_INFO			0x00
#define DRM_VTTM_CREATE			0x01
#define DRM_VTTM_MMAP_OFFSET		0x02
#define DRM_VTTM_MOVE			0x03
#define DRM_VTTM_WAIT			0x04
#define DRM_VTTM_OBJECT_INFO		0x05

/* Placements: one bit each. */
#define VTTM_PLACE_SYSTEM		(1u << 0)
#define VTTM_PLACE_VRAM			(1u << 1)
#define VTTM_PLACE_MASK			(VTTM_PLACE_SYSTEM | VTTM_PLACE_VRAM)

/* Flags of struct drm_vttm_info. */
#define VTTM_INFO_VRAM_IS_BAR		(1u << 0)
#define VTTM_INFO_VRAM_IS_BUDDY		(1u << 1)
#define VTTM_INFO_SYNC_MOVES		(1u << 2)

/**
 * struct drm_vttm_info - what the device is (DRM_IOCTL_VTTM_INFO)
 * @vram_bytes: out: size of the video memory
 * @vram_used_bytes: out: how much of it is allocated at this moment
 * @flags: out: VTTM_INFO_VRAM_IS_BAR (video memory is a PCI BAR, otherwise RAM),
 *	VTTM_INFO_VRAM_IS_BUDDY (managed by the buddy allocator, otherwise by the
 *	range manager), VTTM_INFO_SYNC_MOVES (moves are synchronous by default)
 * @page_bytes: out: the granularity of sizes
 */
struct drm_vttm_info {
	__u64 vram_bytes;
	__u64 vram_used_bytes;
	__u32 flags;
	__u32 page_bytes;
};

/**
 * struct drm_vttm_create - create an object (DRM_IOCTL_VTTM_CREATE)
 * @size: in: bytes, rounded up to pages; out: the rounded size
 * @placements: in: where the object may be moved to, a set of VTTM_PLACE_*
 * @flags: in: must be zero
 * @handle: out: handle of the new object, closed by DRM_IOCTL_GEM_CLOSE
 * @pad: must be zero
 *
 * The object reads as zeroes. It begins in system memory where @placements
 * allows that, otherwise in video memory. Whatever @placements says, an object
 * may be evicted to system memory.
 *
 * Errors: EINVAL for a @size of zero and for @placements that are empty or
 * unknown; E2BIG for a @size that cannot be rounded up or that no allowed
 * placement can ever hold.
 */
struct drm_vttm_create {
	__u64 size;
	__u32 placements;
	__u32 flags;
	__u32 handle;
	__u32 pad;
};

/**
 * struct drm_vttm_mmap_offset - where to mmap() an object (DRM_IOCTL_VTTM_MMAP_OFFSET)
 * @handle: in: the object
 * @pad: must be zero
 * @offset: out: offset to give to mmap() on the device's file
 *
 * A fault on the mapping waits for the moves that were asked for before it.
 *
 * Errors: EOPNOTSUPP for an object imported from another device; map the
 * dma-buf instead.
 */
struct drm_vttm_mmap_offset {
	__u32 handle;
	__u32 pad;
	__u64 offset;
};

/* Flags of struct drm_vttm_move. */
#define VTTM_MOVE_WAIT			(1u << 0)
#define VTTM_MOVE_SYNC			(1u << 1)
#define VTTM_MOVE_ASYNC			(1u << 2)
#define VTTM_MOVE_MASK			(VTTM_MOVE_WAIT | VTTM_MOVE_SYNC | \
					 VTTM_MOVE_ASYNC)

/**
 * struct drm_vttm_move - move an object (DRM_IOCTL_VTTM_MOVE)
 * @handle: in: the object
 * @placement: in: where to, exactly one VTTM_PLACE_*
 * @flags: in: VTTM_MOVE_WAIT returns only when the bytes have arrived;
 *	VTTM_MOVE_SYNC copies this object in the caller, with TTM's own
 *	ttm_bo_move_memcpy(); VTTM_MOVE_ASYNC copies it in the worker; with
 *	neither, the module's parameter "sync" decides
 * @pad: must be zero
 * @in_syncobj: in: syncobj whose fence the move waits for, or 0
 * @out_syncobj: in: syncobj that receives the fence of the move, or 0
 * @in_point: in: point of @in_syncobj if that is a timeline, otherwise 0
 * @out_point: in: point to add to @out_syncobj if that is a timeline, otherwise 0
 *
 * Returns as soon as the move is queued. The fence signals when the object's
 * bytes are where they belong and @in_syncobj's fence has signalled, also where
 * nothing was to be moved. It carries an error if the copy failed; the object
 * then reads as zeroes, and has VTTM_OBJECT_LOST for ever, which is also how to
 * learn of an eviction that failed. Moves of one object happen in the order of the calls.
 * Objects evicted to make room are moved as the module's parameter "sync" says,
 * whatever @flags say. An object whose move waits for a fence that is not of this
 * device's moves is not evicted until that has signalled.
 *
 * Errors: EINVAL for a @placement that is not exactly one or that the object was
 * not created for, for VTTM_MOVE_SYNC together with VTTM_MOVE_ASYNC, for a point
 * without a syncobj, for an @in_syncobj or @in_point without a fence, and for an
 * @out_point that is not beyond the last point of @out_syncobj; ENOENT for an
 * unknown syncobj; E2BIG for an object larger than video memory; EBUSY for an
 * object that another device has mapped. With VTTM_MOVE_WAIT, EIO if the copy
 * failed, or that of an earlier call with VTTM_MOVE_WAIT which ended with EINTR; and
 * EINTR while the move goes on.
 */
struct drm_vttm_move {
	__u32 handle;
	__u32 placement;
	__u32 flags;
	__u32 pad;
	__u32 in_syncobj;
	__u32 out_syncobj;
	__u64 in_point;
	__u64 out_point;
};

/**
 * struct drm_vttm_wait - wait for an object's moves (DRM_IOCTL_VTTM_WAIT)
 * @handle: in: the object
 * @flags: in: must be zero
 * @timeout_ns: in: until when to wait, in nanoseconds of CLOCK_MONOTONIC, so that
 *	an interrupted call can be made again; a time that is past only looks
 *
 * Errors: ETIME when the time is over, and not before.
 */
struct drm_vttm_wait {
	__u32 handle;
	__u32 flags;
	__s64 timeout_ns;
};

/* Flags of struct drm_vttm_object_info. */
#define VTTM_OBJECT_BUSY		(1u << 0)
#define VTTM_OBJECT_IMPORTED		(1u << 1)
#define VTTM_OBJECT_PINNED		(1u << 2)
#define VTTM_OBJECT_LOST		(1u << 3)

/**
 * struct drm_vttm_object_info - state of an object (DRM_IOCTL_VTTM_OBJECT_INFO)
 * @handle: in: the object
 * @pad: must be zero
 * @size: out: bytes
 * @placements: out: what the object was created for
 * @placement: out: where it is, or is on its way to: one VTTM_PLACE_*
 * @flags: out: VTTM_OBJECT_BUSY (a move is in flight), VTTM_OBJECT_IMPORTED,
 *	VTTM_OBJECT_PINNED (another device has it mapped), VTTM_OBJECT_LOST (a copy of
 *	it has failed since it was created)
 * @runs: out: how many contiguous pieces of video memory hold the object, 0 in
 *	system memory
 */
struct drm_vttm_object_info {
	__u32 handle;
	__u32 pad;
	__u64 size;
	__u32 placements;
	__u32 placement;
	__u32 flags;
	__u32 runs;
};

#define DRM_IOCTL_VTTM_INFO \
	DRM_IOR(DRM_COMMAND_BASE + DRM_VTTM_INFO, struct drm_vttm_info)
#define DRM_IOCTL_VTTM_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VTTM_CREATE, struct drm_vttm_create)
#define DRM_IOCTL_VTTM_MMAP_OFFSET \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VTTM_MMAP_OFFSET, struct drm_vttm_mmap_offset)
#define DRM_IOCTL_VTTM_MOVE \
	DRM_IOW(DRM_COMMAND_BASE + DRM_VTTM_MOVE, struct drm_vttm_move)
#define DRM_IOCTL_VTTM_WAIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_VTTM_WAIT, struct drm_vttm_wait)
#define DRM_IOCTL_VTTM_OBJECT_INFO \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VTTM_OBJECT_INFO, struct drm_vttm_object_info)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_VTTM_DRM_H_ */

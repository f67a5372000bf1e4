// SPDX-License-Identifier: MIT
/*
 * The software GPU: copies and fills.
 *
 * Of the blitter's commands, those that the driver emits itself to move and clear
 * buffers: rectangles in linear memory, all addresses in the context's address space. A
 * command starts a blit; the engine then runs it in pieces.
 */
#include <linux/bitfield.h>
#include <linux/string.h>

#include "softgpu.h"

#define BLT_OPCODE		GENMASK(28, 22)
#define XY_FAST_COPY		0x42
#define XY_FAST_COLOR		0x44
#define XY_COLOR		0x50
#define XY_SRC_COPY		0x53

#define TILING_FAST_COPY	(GENMASK(21, 20) | GENMASK(14, 13))
#define TILING_SRC_COPY		(BIT(15) | BIT(11))
#define PITCH			GENMASK(15, 0)
#define DEPTH			GENMASK(25, 24)
#define FAST_COLOR_PITCH	GENMASK(17, 0)
#define FAST_COLOR_DEPTH	GENMASK(20, 19)
#define LOW			GENMASK(15, 0)
#define HIGH			GENMASK(31, 16)

static s32 softgpu_blt_pitch(u32 word)
{
	return (s16)FIELD_GET(PITCH, word);
}

static u32 softgpu_blt_depth(u32 word)
{
	static const u32 bytes[] = { 1, 2, 2, 4 };

	return bytes[FIELD_GET(DEPTH, word)];
}

/* The corners are two words, x low and y high, the second one outside. */
static bool softgpu_blt_start(struct softgpu_engine *engine, u32 corner,
			      u64 dst, s32 pitch, u32 depth)
{
	struct softgpu_blit *blit = &engine->blit;
	u32 from = softgpu_cs_word(engine, corner);
	u32 to = softgpu_cs_word(engine, corner + 1);
	s32 width = FIELD_GET(LOW, to) - FIELD_GET(LOW, from);
	s32 height = FIELD_GET(HIGH, to) - FIELD_GET(HIGH, from);

	if (width <= 0 || height <= 0)
		return false;
	*blit = (struct softgpu_blit){
		.rows = height,
		.row_bytes = width * depth,
		.dst = dst + (s64)FIELD_GET(HIGH, from) * pitch +
		       FIELD_GET(LOW, from) * depth,
		.dst_pitch = pitch,
	};
	return true;
}

static enum softgpu_step softgpu_blt_copy(struct softgpu_engine *engine)
{
	struct softgpu_blit *blit = &engine->blit;
	u32 word1 = softgpu_cs_word(engine, 1);
	u32 depth = softgpu_blt_depth(word1);
	u32 from;

	if (softgpu_copy_shall_fail())
		return SOFTGPU_STEP_ERROR;
	engine->stats.copies++;
	if (!softgpu_blt_start(engine, 2, softgpu_cs_address(engine, 4),
			       softgpu_blt_pitch(word1), depth))
		return SOFTGPU_STEP_NEXT;

	from = softgpu_cs_word(engine, 6);
	blit->src_pitch = softgpu_blt_pitch(softgpu_cs_word(engine, 7));
	blit->src = softgpu_cs_address(engine, 8) +
		    (s64)FIELD_GET(HIGH, from) * blit->src_pitch +
		    FIELD_GET(LOW, from) * depth;
	return SOFTGPU_STEP_NEXT;
}

static void softgpu_blt_set_color(struct softgpu_engine *engine, u32 color,
				  u32 depth)
{
	engine->stats.fills++;
	engine->blit.fill = true;
	engine->blit.color = color;
	engine->blit.color_bytes = depth;
}

static enum softgpu_step softgpu_blt_color(struct softgpu_engine *engine)
{
	u32 word1 = softgpu_cs_word(engine, 1);
	u32 depth = softgpu_blt_depth(word1);

	if (softgpu_blt_start(engine, 2, softgpu_cs_address(engine, 4),
			      softgpu_blt_pitch(word1), depth))
		softgpu_blt_set_color(engine, softgpu_cs_word(engine, 6),
				      depth);
	return SOFTGPU_STEP_NEXT;
}

static enum softgpu_step softgpu_blt_fast_color(struct softgpu_engine *engine)
{
	u32 depth = 1 << FIELD_GET(FAST_COLOR_DEPTH, engine->dword0);
	u32 pitch = FIELD_GET(FAST_COLOR_PITCH, softgpu_cs_word(engine, 1)) + 1;

	if (depth > sizeof(u32))
		return softgpu_cs_unknown(engine);
	if (softgpu_blt_start(engine, 2, softgpu_cs_address(engine, 4), pitch,
			      depth))
		softgpu_blt_set_color(engine, softgpu_cs_word(engine, 7),
				      depth);
	return SOFTGPU_STEP_NEXT;
}

/**
 * struct softgpu_blt - a command
 * @opcode: of the command
 * @tiling: bits of the first word for layouts other than linear
 * @run: starts it
 */
struct softgpu_blt {
	u32 opcode;
	u32 tiling;
	enum softgpu_step (*run)(struct softgpu_engine *engine);
};

static const struct softgpu_blt softgpu_blts[] = {
	{ XY_FAST_COPY, TILING_FAST_COPY, softgpu_blt_copy },
	{ XY_SRC_COPY, TILING_SRC_COPY, softgpu_blt_copy },
	{ XY_COLOR, BIT(11), softgpu_blt_color },
	{ XY_FAST_COLOR, 0, softgpu_blt_fast_color },
};

/**
 * softgpu_blt_command - start a copy or fill
 * @engine: the engine, whose lock is held
 * @dword0: first word of the command
 *
 * Returns: what became of it.
 */
enum softgpu_step softgpu_blt_command(struct softgpu_engine *engine, u32 dword0)
{
	const struct softgpu_blt *blt;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(softgpu_blts); i++) {
		blt = &softgpu_blts[i];
		if (blt->opcode == FIELD_GET(BLT_OPCODE, dword0) &&
		    !(dword0 & blt->tiling))
			return blt->run(engine);
	}
	return softgpu_cs_unknown(engine);
}

/* Running a blit */

static void softgpu_blt_fill(void *dst, u32 bytes,
			     const struct softgpu_blit *blit)
{
	if (blit->color_bytes == 4)
		memset32(dst, blit->color, bytes / 4);
	else if (blit->color_bytes == 2)
		memset16(dst, blit->color, bytes / 2);
	else
		memset(dst, blit->color, bytes);
}

static u32 softgpu_blt_to_page_end(u64 addr)
{
	return PAGE_SIZE - offset_in_page(addr);
}

/* Page by page, as each may be anywhere. */
static void softgpu_blt_row(struct softgpu_engine *engine)
{
	struct softgpu_blit *blit = &engine->blit;
	struct softgpu_space space = engine->ctx.space;
	u32 left = blit->row_bytes, bytes;
	u64 dst = blit->dst, src = blit->src;
	void *to, *from = NULL;

	for (; left; left -= bytes, dst += bytes, src += bytes) {
		bytes = min(left, softgpu_blt_to_page_end(dst));
		if (!blit->fill)
			bytes = min(bytes, softgpu_blt_to_page_end(src));
		to = softgpu_mem_map(engine, space, dst);
		if (!blit->fill)
			from = softgpu_mem_map(engine, space, src);
		if (to && blit->fill)
			softgpu_blt_fill(to, bytes, blit);
		else if (to && from)
			memcpy(to, from, bytes);
	}
}

/**
 * softgpu_blt_run - run a piece of the blit in progress
 * @engine: the engine, whose lock is held
 * @bytes: about how large a piece
 */
void softgpu_blt_run(struct softgpu_engine *engine, u32 bytes)
{
	struct softgpu_blit *blit = &engine->blit;
	u32 done = 0;

	lockdep_assert_held(&engine->lock);

	while (blit->rows && done < bytes) {
		softgpu_blt_row(engine);
		blit->dst += blit->dst_pitch;
		blit->src += blit->src_pitch;
		blit->rows--;
		done += blit->row_bytes;
	}
	engine->stats.bytes += done;
}

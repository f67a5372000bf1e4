// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The failure matrix: whichever allocation fails on the way, TTM's own included, of
 * whatever kind of move, whatever its caller is in the middle of: the move is made, or
 * refused with nothing changed, no byte is lost, and nothing leaks.
 */
#include "ttm_move_kunit.h"

static int mvt_matrix_init(struct kunit *test)
{
	if (!mvt_faults_enable(MVT_FAULTS_NONE))
		kunit_skip(test, "needs failslab and fail_page_alloc, both with debugfs");
	return mvt_init(test);
}

static void mvt_matrix_exit(struct kunit *test)
{
	mvt_fail_nth(0);
	mvt_faults_enable(MVT_FAULTS_NONE);
	mvt_exit(test);
}

/* A cell of the matrix: a scene in a context. */
struct mvt_cell {
	const struct mvt_scene *scene;
	enum mvt_context context;
};

static const char * const mvt_context_names[MVT_NUM_CONTEXTS] = {
	[MVT_PLAIN] = "plain",
	[MVT_NOIO] = "noio",
	[MVT_RECLAIM] = "reclaim",
};

/* Scene by scene, each in all contexts. */
static bool mvt_cell_next(struct mvt_cell *cell, enum mvt_scene_kind kind)
{
	if (cell->scene && ++cell->context < MVT_NUM_CONTEXTS)
		return true;

	cell->context = MVT_PLAIN;
	do {
		cell->scene = mvt_scene_next(cell->scene);
	} while (cell->scene && cell->scene->kind != kind);
	return cell->scene;
}

/* KUnit asks for one after the other, and uses each before it asks for the next. */
static const void *mvt_cell_param(const void *prev, char *desc,
				  enum mvt_scene_kind kind)
{
	static struct mvt_cell cell;

	if (!prev)
		cell.scene = NULL;
	if (!mvt_cell_next(&cell, kind))
		return NULL;

	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s, %s", cell.scene->name,
		 mvt_context_names[cell.context]);
	return &cell;
}

static const void *mvt_eviction_gen_params(const void *prev, char *desc)
{
	return mvt_cell_param(prev, desc, MVT_EVICTION);
}

static const void *mvt_ordinary_gen_params(const void *prev, char *desc)
{
	return mvt_cell_param(prev, desc, MVT_ORDINARY);
}

static const void *mvt_clear_gen_params(const void *prev, char *desc)
{
	return mvt_cell_param(prev, desc, MVT_CLEAR);
}

static const void *mvt_failsafe_gen_params(const void *prev, char *desc)
{
	return mvt_cell_param(prev, desc, MVT_FAILSAFE);
}

/* What TTM says that it returns when memory is short, of either kind. */
static bool mvt_is_documented(int ret)
{
	return !ret || ret == -ENOMEM || ret == -ENOSPC || ret == -EBUSY;
}

/* Returns whether there was an allocation to fail. */
static bool mvt_fail_at(struct mvt *fx, const struct mvt_cell *cell,
			unsigned int nth)
{
	struct mvt_stage stage = {};
	bool failed;
	int ret;

	mvt_reseed(fx);
	fx->context = MVT_PLAIN;
	cell->scene->setup(fx, &stage);
	fx->context = cell->context;
	mvt_fail_nth(nth);
	ret = cell->scene->act(fx, &stage);
	failed = !mvt_fail_left();
	mvt_fail_nth(0);

	KUNIT_EXPECT_TRUE_MSG(fx->test, mvt_is_documented(ret),
			      "allocation %u: %d", nth, ret);
	if (!failed)
		KUNIT_EXPECT_EQ(fx->test, ret, 0);
	mvt_stage_clear(fx, &stage);
	return failed;
}

/* Returns how many there were. */
static unsigned int mvt_fail_each(struct mvt *fx, const struct mvt_cell *cell,
				  enum mvt_faults faults)
{
	unsigned int nth = 1;

	KUNIT_EXPECT_TRUE(fx->test, mvt_faults_enable(faults));
	while (mvt_fail_at(fx, cell, nth))
		nth++;
	mvt_faults_enable(MVT_FAULTS_NONE);
	return nth - 1;
}

static void mvt_check_cell(struct kunit *test)
{
	const struct mvt_cell *cell = test->param_value;
	struct mvt *fx = test->priv;
	unsigned int slabs, pages;

	mvt_seed(fx);
	fx->vram.scattered = true;
	fx->timeline = ttm_move_timeline_create("matrix");
	KUNIT_ASSERT_NOT_NULL(test, fx->timeline);

	/* Twice: debugging aids allocate on their own, in the place of what counts. */
	mvt_fail_each(fx, cell, MVT_FAULTS_OF_SLABS);
	slabs = mvt_fail_each(fx, cell, MVT_FAULTS_OF_SLABS);
	pages = mvt_fail_each(fx, cell, MVT_FAULTS_OF_PAGES);
	kunit_info(test, "summary: %s, %s: %u+%u", cell->scene->name,
		   mvt_context_names[cell->context], slabs, pages);
	KUNIT_EXPECT_GT(test, slabs, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 0);
	KUNIT_EXPECT_GT(test, mvt_stats(fx).jobs, 0);
	KUNIT_EXPECT_GT(test, mvt_stats(fx).sync_moves, 0);
}

/* A case each, so that each has a row in a report. */

static void ttm_move_matrix_eviction(struct kunit *test)
{
	mvt_check_cell(test);
}

static void ttm_move_matrix_ordinary(struct kunit *test)
{
	mvt_check_cell(test);
}

static void ttm_move_matrix_clear(struct kunit *test)
{
	mvt_check_cell(test);
}

static void ttm_move_matrix_failsafe(struct kunit *test)
{
	mvt_check_cell(test);
}

/* Returns whether there was an allocation to fail. */
static bool mvt_fail_setup_at(struct mvt *fx, struct ttm_move_device *mdev,
			      unsigned int nth)
{
	bool failed;
	int ret;

	mvt_fail_nth(nth);
	ret = ttm_move_device_init(mdev, &fx->bdev, "kunit2", NULL, NULL);
	failed = !mvt_fail_left();
	mvt_fail_nth(0);

	KUNIT_EXPECT_TRUE_MSG(fx->test, !ret || (failed && ret == -ENOMEM),
			      "allocation %u: %d", nth, ret);
	if (!ret)
		ttm_move_device_fini(mdev);
	return failed;
}

/* A worker is there, or it is not; what it is made of includes its queues. */
static void ttm_move_matrix_setup(struct kunit *test)
{
	struct ttm_move_device *mdev = kunit_kzalloc(test, sizeof(*mdev),
						     GFP_KERNEL);
	struct mvt *fx = test->priv;
	unsigned int nth = 1;

	KUNIT_ASSERT_NOT_NULL(test, mdev);
	mvt_faults_enable(MVT_FAULTS_OF_SLABS);
	while (mvt_fail_setup_at(fx, mdev, nth))
		nth++;
	kunit_info(test, "summary: %u", nth - 1);
	KUNIT_EXPECT_GT(test, nth, TTM_NUM_MEM_TYPES + 1);
}

static unsigned int mvt_count_allocs_of_arm(struct mvt *fx)
{
	struct ttm_move_job *job = ttm_move_job_create(&fx->mdev, NULL);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;
	unsigned int left;

	KUNIT_ASSERT_NOT_NULL(fx->test, job);
	ttm_move_job_add_dependency(job, &dep->base);
	mvt_fail_nth(INT_MAX);
	fence = ttm_move_job_arm(job);
	mvt_fence_signal(dep);
	left = mvt_fail_left();
	mvt_fail_nth(0);

	mvt_wait(fx, fence);
	dma_fence_put(fence);
	return INT_MAX - left;
}

static void ttm_move_matrix_arm_allocates_nothing(struct kunit *test)
{
	struct mvt *fx = test->priv;
	unsigned int i, count = UINT_MAX;

	mvt_faults_enable(MVT_FAULTS_OF_SLABS);
	/* Debugging aids may allocate on their own, but not every time. */
	for (i = 0; i < 8; i++)
		count = min(count, mvt_count_allocs_of_arm(fx));
	KUNIT_EXPECT_EQ(test, count, 0);
}

static struct kunit_case ttm_move_matrix_cases[] = {
	KUNIT_CASE_PARAM(ttm_move_matrix_eviction, mvt_eviction_gen_params),
	KUNIT_CASE_PARAM(ttm_move_matrix_ordinary, mvt_ordinary_gen_params),
	KUNIT_CASE_PARAM(ttm_move_matrix_clear, mvt_clear_gen_params),
	KUNIT_CASE_PARAM(ttm_move_matrix_failsafe, mvt_failsafe_gen_params),
	KUNIT_CASE(ttm_move_matrix_setup),
	KUNIT_CASE(ttm_move_matrix_arm_allocates_nothing),
	{ }
};

static struct kunit_suite ttm_move_matrix_suite = {
	.name = "ttm_move_matrix",
	.init = mvt_matrix_init,
	.exit = mvt_matrix_exit,
	.test_cases = ttm_move_matrix_cases,
};

kunit_test_suite(ttm_move_matrix_suite);

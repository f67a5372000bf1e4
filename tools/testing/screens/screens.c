// SPDX-License-Identifier: MIT
/*
 * Shows pictures on a display device whose video memory is too small for all of them.
 *
 * Flips through dumb buffers, has a screenshot taken of each, and redraws some while
 * they are on their way; in between, a second client evicts them. Whoever takes the
 * screenshots knows what a picture looks like by its number.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qxl_drm.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define WIDTH		640
#define HEIGHT		480
#define TILE		16
#define PICTURES	10	/* of the first client */
#define OTHERS		4	/* of the second client */
#define QXL_BUFFERS	24	/* of the second client, in video memory by its wish */
#define QXL_BYTES	(1024 * 1024)
#define TIMEOUT_MS	120000

struct client {
	int fd;
	uint32_t crtc;
	uint32_t connector;
	drmModeModeInfo mode;
};

struct picture {
	uint32_t id;
	uint32_t fb;
	uint32_t pitch;
	uint8_t *map;
};

static const char *share;
static unsigned int shots;

static void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "screens: error: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* Pictures. The same in scripts/drivers.d/screens.py. */

static uint32_t tile_color(uint32_t id, uint32_t x, uint32_t y)
{
	uint32_t hash = id * 0x9e3779b1u + x * 0x85ebca6bu + y * 0xc2b2ae35u;

	hash ^= hash >> 15;
	hash *= 0x2c1b3c6du;
	hash ^= hash >> 13;
	return hash & 0xfffff0;
}

static uint32_t pixel(uint32_t id, uint32_t x, uint32_t y)
{
	return tile_color(id, x / TILE, y / TILE) | y % TILE;
}

static void draw(struct picture *picture, uint32_t id)
{
	uint32_t x, y;

	picture->id = id;
	for (y = 0; y < HEIGHT; y++)
		for (x = 0; x < WIDTH; x++)
			((uint32_t *)(picture->map + y * picture->pitch))[x] = pixel(id, x, y);
}

static unsigned int wrong_pixels(const struct picture *picture)
{
	unsigned int wrong = 0;
	uint32_t x, y;

	for (y = 0; y < HEIGHT; y++)
		for (x = 0; x < WIDTH; x++)
			wrong += ((uint32_t *)(picture->map + y * picture->pitch))[x] !=
				 pixel(picture->id, x, y);
	return wrong;
}

/* Clients */

static void pick_connector(struct client *client, drmModeRes *res)
{
	drmModeConnector *connector;
	int i, j;

	for (i = 0; i < res->count_connectors; i++) {
		connector = drmModeGetConnector(client->fd, res->connectors[i]);
		for (j = 0; connector && j < connector->count_modes; j++) {
			if (connector->modes[j].hdisplay != WIDTH ||
			    connector->modes[j].vdisplay != HEIGHT)
				continue;
			client->connector = connector->connector_id;
			client->mode = connector->modes[j];
			return;
		}
	}
	fail("no connector has a mode of %u x %u", WIDTH, HEIGHT);
}

static void open_client(struct client *client)
{
	drmModeRes *res;

	client->fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (client->fd < 0)
		fail("/dev/dri/card0: %s", strerror(errno));
	res = drmModeGetResources(client->fd);
	if (!res || !res->count_crtcs)
		fail("/dev/dri/card0 has no display");
	client->crtc = res->crtcs[0];
	pick_connector(client, res);
}

static void create_picture(struct client *client, struct picture *picture, uint32_t id)
{
	struct drm_mode_create_dumb create = { .width = WIDTH, .height = HEIGHT, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };

	if (drmIoctl(client->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		fail("a dumb buffer: %s", strerror(errno));
	map.handle = create.handle;
	if (drmIoctl(client->fd, DRM_IOCTL_MODE_MAP_DUMB, &map))
		fail("the offset of a dumb buffer: %s", strerror(errno));
	picture->pitch = create.pitch;
	picture->map = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, client->fd,
			    map.offset);
	if (picture->map == MAP_FAILED)
		fail("the mapping of a dumb buffer: %s", strerror(errno));
	if (drmModeAddFB(client->fd, WIDTH, HEIGHT, 24, 32, create.pitch, create.handle,
			 &picture->fb))
		fail("a frame buffer: %s", strerror(errno));
	draw(picture, id);
}

static void show(struct client *client, const struct picture *picture)
{
	if (drmModeSetCrtc(client->fd, client->crtc, picture->fb, 0, 0, &client->connector, 1,
			   &client->mode))
		fail("setting the mode: %s", strerror(errno));
}

static void flipped(int fd, unsigned int frame, unsigned int sec, unsigned int usec, void *data)
{
	(void)fd, (void)frame, (void)sec, (void)usec;
	*(int *)data = 1;
}

static void flip_to(struct client *client, const struct picture *picture)
{
	drmEventContext context = { .version = 2, .page_flip_handler = flipped };
	struct pollfd poll_fd = { .fd = client->fd, .events = POLLIN };
	int done = 0;

	if (drmModePageFlip(client->fd, client->crtc, picture->fb, DRM_MODE_PAGE_FLIP_EVENT,
			    &done))
		fail("a page flip: %s", strerror(errno));
	while (!done) {
		if (poll(&poll_fd, 1, TIMEOUT_MS) <= 0)
			fail("a page flip does not end");
		drmHandleEvent(client->fd, &context);
	}
}

/* Screenshots: the host takes one for each file in "ask", and answers in "done". */
static void shoot(const struct picture *picture)
{
	char path[256], answer[256];
	int fd, i;

	snprintf(path, sizeof(path), "%s/ask/%03u-%u", share, shots, picture->id);
	snprintf(answer, sizeof(answer), "%s/done/%03u-%u", share, shots, picture->id);
	shots++;
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	close(fd);
	for (i = 0; i < TIMEOUT_MS / 20; i++) {
		if (!access(answer, F_OK))
			return;
		usleep(20000);
	}
	fail("the host takes no screenshot");
}

/* The second client */

static void take_turns(struct client *from, struct client *to)
{
	if (drmDropMaster(from->fd) || drmSetMaster(to->fd))
		fail("the display does not change hands: %s", strerror(errno));
}

/* Its pictures push those of the first one out. */
static void evict_by_flips(struct client *first, struct client *second,
			   struct picture *others, unsigned int round)
{
	unsigned int i;

	take_turns(first, second);
	show(second, &others[0]);
	for (i = 1; i < OTHERS; i++)
		flip_to(second, &others[i]);
	shoot(&others[OTHERS - 1]);
	draw(&others[round % (OTHERS - 1)], others[0].id + 100 + round);
	take_turns(second, first);
}

static uint32_t *qxl_buffers[QXL_BUFFERS];

static void create_qxl_buffer(struct client *client, unsigned int i)
{
	struct drm_qxl_alloc alloc = { .size = QXL_BYTES };
	struct drm_qxl_map map = { 0 };

	if (drmIoctl(client->fd, DRM_IOCTL_QXL_ALLOC, &alloc))
		fail("a buffer in video memory: %s", strerror(errno));
	map.handle = alloc.handle;
	if (drmIoctl(client->fd, DRM_IOCTL_QXL_MAP, &map))
		fail("the offset of a buffer: %s", strerror(errno));
	qxl_buffers[i] = mmap(NULL, QXL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, client->fd,
			      map.offset);
	if (qxl_buffers[i] == MAP_FAILED)
		fail("the mapping of a buffer: %s", strerror(errno));
}

static unsigned int wrong_words(unsigned int i, unsigned int round)
{
	unsigned int word, wrong = 0;

	for (word = 0; word < QXL_BYTES / 4; word++)
		wrong += qxl_buffers[i][word] != pixel(1000 + i, word, round);
	return wrong;
}

static void fill_words(unsigned int i, unsigned int round)
{
	unsigned int word;

	for (word = 0; word < QXL_BYTES / 4; word++)
		qxl_buffers[i][word] = pixel(1000 + i, word, round);
}

static void authenticate(struct client *first, struct client *second)
{
	drm_magic_t magic;

	if (drmGetMagic(second->fd, &magic) || drmAuthMagic(first->fd, magic))
		fail("the second client is not let in: %s", strerror(errno));
}

/* Each new buffer is in video memory, and pushes an older one out. */
static unsigned int evict_by_allocation(struct client *client, unsigned int round)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < QXL_BUFFERS; i++) {
		if (round)
			wrong += wrong_words(i, round - 1);
		else
			create_qxl_buffer(client, i);
		fill_words(i, round);
	}
	return wrong;
}

int main(int argc, char **argv)
{
	static struct picture pictures[PICTURES], others[OTHERS];
	struct client first, second;
	unsigned int rounds, seed, round, i, wrong = 0;
	struct picture *next;
	int is_qxl;

	if (argc != 5)
		fail("usage: screens DRIVER SHARE ROUNDS SEED");
	is_qxl = !strcmp(argv[1], "qxl");
	share = argv[2];
	rounds = atoi(argv[3]);
	seed = atoi(argv[4]);

	open_client(&first);
	open_client(&second);
	for (i = 0; i < PICTURES; i++)
		create_picture(&first, &pictures[i], seed * 10000 + i);
	for (i = 0; i < OTHERS && !is_qxl; i++)
		create_picture(&second, &others[i], seed * 10000 + 1000 + i);
	if (is_qxl)
		authenticate(&first, &second);
	show(&first, &pictures[0]);
	for (round = 0; round < rounds; round++) {
		next = &pictures[(round * 3 + 1) % PICTURES];
		if (round % 2)
			draw(next, seed * 10000 + 2000 + round);
		flip_to(&first, next);
		shoot(next);
		if (is_qxl)
			wrong += evict_by_allocation(&second, round);
		else
			evict_by_flips(&first, &second, others, round);
		next = &pictures[(round * 3 + 2) % PICTURES];
		show(&first, next);
		shoot(next);
	}
	for (i = 0; i < PICTURES; i++)
		wrong += wrong_pixels(&pictures[i]);
	printf("{\"shots\": %u, \"wrong\": %u}\n", shots, wrong);
	return wrong != 0;
}

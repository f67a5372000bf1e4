// SPDX-License-Identifier: MIT
/*
 * Video memory as TTM's move worker sees it.
 */
#include <linux/io.h>

#include <nvif/class.h>

#include "nouveau_drv.h"
#include "nouveau_bo.h"

/*
 * Before NV50 the aperture shows all of video memory, at fixed places. Later devices
 * map each resource on its own, and TTM has that undone while the copy is in flight.
 */
static int nouveau_ttm_move_init_mem(struct ttm_move_device *mdev,
				     struct ttm_buffer_object *bo,
				     struct ttm_resource *reg,
				     struct ttm_move_mem *mem)
{
	struct nouveau_drm *drm = mdev->priv;
	struct nvkm_device *device = nvxx_device(drm);
	struct ttm_move_aperture aperture = { .bytes = reg->size };
	resource_size_t start = (resource_size_t)reg->start << PAGE_SHIFT;

	if (drm->client.mem->oclass >= NVIF_CLASS_MEM_NV50)
		return -EOPNOTSUPP;

	start += device->func->resource_addr(device, 1);
	iosys_map_set_vaddr_iomem(&aperture.map, ioremap_wc(start, reg->size));
	if (iosys_map_is_null(&aperture.map))
		return -ENOMEM;

	ttm_move_mem_init_linear(mem, &aperture, 0, reg->size);
	mem->owned_map = true;
	return 0;
}

const struct ttm_move_ops nouveau_move_ops = {
	.init_mem = nouveau_ttm_move_init_mem,
};

// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Video memory as I/O memory. Where the architecture has plain I/O memory, RAM will
 * do for it; where it emulates it (UML), so does this file, and whoever forgets that
 * a mapping is I/O memory crashes.
 */
#include <linux/io.h>
#include <linux/module.h>

#include "ttm_move_kunit.h"

#ifdef CONFIG_INDIRECT_IOMEM

#include <linux/logic_iomem.h>

/* What is behind the mapping. There is one fixture at a time. */
static void *mvt_iomem_vaddr;

static unsigned long mvt_iomem_read(void *priv, unsigned int offset, int size)
{
	unsigned long val = 0;

	memcpy(&val, priv + offset, size);
	return val;
}

static void mvt_iomem_write(void *priv, unsigned int offset, int size,
			    unsigned long val)
{
	memcpy(priv + offset, &val, size);
}

static void mvt_iomem_set(void *priv, unsigned int offset, u8 value, int size)
{
	memset(priv + offset, value, size);
}

static void mvt_iomem_copy_from(void *priv, void *buffer, unsigned int offset,
				int size)
{
	memcpy(buffer, priv + offset, size);
}

static void mvt_iomem_copy_to(void *priv, unsigned int offset,
			      const void *buffer, int size)
{
	memcpy(priv + offset, buffer, size);
}

static const struct logic_iomem_ops mvt_iomem_ops = {
	.read = mvt_iomem_read,
	.write = mvt_iomem_write,
	.set = mvt_iomem_set,
	.copy_from = mvt_iomem_copy_from,
	.copy_to = mvt_iomem_copy_to,
};

static long mvt_iomem_map(unsigned long offset, size_t size,
			  const struct logic_iomem_ops **ops, void **priv)
{
	*ops = &mvt_iomem_ops;
	*priv = mvt_iomem_vaddr;
	return offset;
}

static const struct logic_iomem_region_ops mvt_iomem_region_ops = {
	.map = mvt_iomem_map,
};

static struct resource mvt_iomem_resource = {
	.name = "ttm_move_kunit",
	.start = MVT_IOMEM_BASE,
	.end = MVT_IOMEM_BASE + MVT_VRAM_BYTES - 1,
	.flags = IORESOURCE_MEM,
};

/* A region cannot be taken back, so neither may this module go. */
static int mvt_iomem_register(void)
{
	int ret;

	if (mvt_iomem_resource.parent)
		return 0;

	ret = logic_iomem_add_region(&mvt_iomem_resource,
				     &mvt_iomem_region_ops);
	if (!ret)
		__module_get(THIS_MODULE);
	return ret;
}

int mvt_iomem_init(struct mvt *fx)
{
	int ret = mvt_iomem_register();

	if (ret)
		return ret;

	mvt_iomem_vaddr = fx->vram.vaddr;
	fx->vram.iomem = ioremap(MVT_IOMEM_BASE, MVT_VRAM_BYTES);
	return fx->vram.iomem ? 0 : -ENOMEM;
}

void mvt_iomem_fini(struct mvt *fx)
{
	iounmap(fx->vram.iomem);
}

#else

int mvt_iomem_init(struct mvt *fx)
{
	fx->vram.iomem = (void __iomem __force *)fx->vram.vaddr;
	return 0;
}

void mvt_iomem_fini(struct mvt *fx)
{
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* Named regions of memory that outlives the machine; see region_sim.c. */
#ifndef REGION_SIM_H
#define REGION_SIM_H

#include <linux/types.h>

/*
 * The region of this name; one that is not in the table yet is added, with all bits set. An ERR_PTR: -EINVAL for a name
 * that is too long, or a region of another size; -ENOSPC when table or memory are full. It stays until the module goes.
 */
void *region_sim_get(const char *name, u32 size);

#endif

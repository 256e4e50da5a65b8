// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the host for what has to outlive the machine: cells of simulated chips. It is a file on the host, which QEMU
 * shows as the memory of a PCI device (ivshmem-plain): each byte that is stored here is in the file at once, however QEMU
 * ends. The host prepares regions before a boot, and reads them afterwards (xtask/src/vm/regions.rs).
 *
 * Shape, numbers little-endian: "BEDCELLS", version u32 (1), count of regions u32, padding up to 64; then the table, 1023
 * places of 64 bytes each: name (48 bytes, the rest NUL), offset u64, size u64. Regions begin at 64 KiB, each at a multiple
 * of 4096. A region counts once the count says so.
 */

#include <linux/align.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/string.h>

#include "region_sim.h"

#define VENDOR		0x1af4
#define DEVICE		0x1110
#define MEMORY_BAR	2

#define VERSION		1
#define PLACES		1023
#define NAME_BYTES	48
#define FIRST_OFFSET	65536
#define ALIGNMENT	4096

struct entry {
	char name[NAME_BYTES];
	__le64 offset;
	__le64 size;
};

struct table {
	char magic[8];
	__le32 version;
	__le32 count;
	u8 padding[48];
	struct entry entries[PLACES];
};

static_assert(sizeof(struct table) == FIRST_OFFSET);

static struct pci_dev *device;
static struct table *table;
static u64 bytes;
static DEFINE_MUTEX(lock);

static void *add_region(const char *name, u32 size, u32 count, u64 offset)
{
	struct entry *entry = &table->entries[count];

	if (count >= PLACES || offset + size > bytes)
		return ERR_PTR(-ENOSPC);
	memset((u8 *)table + offset, 0xff, size);
	memset(entry, 0, sizeof(*entry));
	strscpy(entry->name, name, NAME_BYTES);
	entry->offset = cpu_to_le64(offset);
	entry->size = cpu_to_le64(size);
	/* The machine may end at any instruction. */
	smp_wmb();
	WRITE_ONCE(table->count, cpu_to_le32(count + 1));
	return (u8 *)table + offset;
}

static void *find_or_add(const char *name, u32 size)
{
	u32 count = le32_to_cpu(table->count), i;
	u64 end = FIRST_OFFSET;

	for (i = 0; i < count && i < PLACES; i++) {
		struct entry *entry = &table->entries[i];
		u64 offset = le64_to_cpu(entry->offset), length = le64_to_cpu(entry->size);

		if (offset < FIRST_OFFSET || offset > bytes || length > bytes - offset)
			return ERR_PTR(-EINVAL);
		if (!strncmp(entry->name, name, NAME_BYTES))
			return length == size ? (u8 *)table + offset : ERR_PTR(-EINVAL);
		end = max(end, ALIGN(offset + length, ALIGNMENT));
	}
	return add_region(name, size, count, end);
}

void *region_sim_get(const char *name, u32 size)
{
	void *region;

	if (!*name || strlen(name) >= NAME_BYTES || !size)
		return ERR_PTR(-EINVAL);
	mutex_lock(&lock);
	region = find_or_add(name, size);
	mutex_unlock(&lock);
	if (IS_ERR(region))
		pr_err("region_sim: no region %s of %u bytes: %ld\n", name, size, PTR_ERR(region));
	return region;
}
EXPORT_SYMBOL_GPL(region_sim_get);

static int map(void)
{
	int result = pci_enable_device(device);

	if (result)
		return result;
	bytes = pci_resource_len(device, MEMORY_BAR);
	if (bytes < FIRST_OFFSET)
		return -ENODEV;
	/* It is memory, and has no side effects. */
	table = memremap(pci_resource_start(device, MEMORY_BAR), bytes, MEMREMAP_WB);
	if (!table)
		return -ENOMEM;
	if (!memcmp(table->magic, "BEDCELLS", sizeof(table->magic)) && le32_to_cpu(table->version) == VERSION)
		return 0;
	memunmap(table);
	return -EINVAL;
}

static int __init sim_init(void)
{
	int result = -ENODEV;

	device = pci_get_device(VENDOR, DEVICE, NULL);
	if (device)
		result = map();
	if (result) {
		pr_err("region_sim: the machine has no memory of the host's: %d\n", result);
		pci_dev_put(device);
	}
	return result;
}

static void __exit sim_exit(void)
{
	memunmap(table);
	pci_disable_device(device);
	pci_dev_put(device);
}

module_init(sim_init);
module_exit(sim_exit);
MODULE_DESCRIPTION("Named regions of memory that outlives the machine");
MODULE_AUTHOR("The Vivianite authors");
MODULE_LICENSE("GPL");

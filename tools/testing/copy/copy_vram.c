// SPDX-License-Identifier: MIT
/*
 * A GPU's memory in the CPU's address space, by way of Vulkan: memory that is local to
 * the device and visible to the host, which a discrete GPU's driver maps write-combined.
 * The loader is looked for at run time, so that this program runs without one.
 */
#include <dlfcn.h>
#include <stdio.h>

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#include "copy_bench.h"

#define MAX_DEVICES	16

#define WANTED	(VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT)

/* The functions, as far as they are used. */
static PFN_vkCreateInstance create_instance;
static PFN_vkEnumeratePhysicalDevices enumerate_devices;
static PFN_vkGetPhysicalDeviceProperties get_properties;
static PFN_vkGetPhysicalDeviceMemoryProperties get_memory;
static PFN_vkCreateDevice create_device;
static PFN_vkAllocateMemory allocate_memory;
static PFN_vkMapMemory map_memory;

static const char *load(PFN_vkGetInstanceProcAddr *get)
{
	void *loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!loader)
		return "there is no Vulkan loader (libvulkan.so.1)";
	*get = (PFN_vkGetInstanceProcAddr)dlsym(loader, "vkGetInstanceProcAddr");
	if (!*get)
		return "libvulkan.so.1 is no Vulkan loader";
	create_instance = (PFN_vkCreateInstance)(*get)(NULL, "vkCreateInstance");
	return create_instance ? NULL : "the Vulkan loader is too old";
}

#define RESOLVE(function, type, name)	\
	((function) = (type)get(instance, name))

static const char *resolve(PFN_vkGetInstanceProcAddr get, VkInstance instance)
{
	if (RESOLVE(enumerate_devices, PFN_vkEnumeratePhysicalDevices,
		    "vkEnumeratePhysicalDevices") &&
	    RESOLVE(get_properties, PFN_vkGetPhysicalDeviceProperties,
		    "vkGetPhysicalDeviceProperties") &&
	    RESOLVE(get_memory, PFN_vkGetPhysicalDeviceMemoryProperties,
		    "vkGetPhysicalDeviceMemoryProperties") &&
	    RESOLVE(create_device, PFN_vkCreateDevice, "vkCreateDevice") &&
	    RESOLVE(allocate_memory, PFN_vkAllocateMemory, "vkAllocateMemory") &&
	    RESOLVE(map_memory, PFN_vkMapMemory, "vkMapMemory"))
		return NULL;
	return "the Vulkan loader lacks functions";
}

static const char *instance_create(VkInstance *instance)
{
	const VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.pApplicationName = "copy-bench",
		.apiVersion = VK_API_VERSION_1_0,
	};
	const VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &application,
	};

	if (create_instance(&info, NULL, instance) != VK_SUCCESS)
		return "there is no Vulkan driver";
	return NULL;
}

/* Video memory that is memory of the CPU's would tell nothing. */
static bool is_wanted(VkPhysicalDevice device, bool any_device)
{
	VkPhysicalDeviceProperties properties;

	get_properties(device, &properties);
	return any_device || properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
}

/*
 * The type of memory that is mapped write-combined: what the host may cache is taken only
 * where there is nothing else. -1 for none.
 */
static int type_of(VkPhysicalDevice device, size_t bytes)
{
	VkPhysicalDeviceMemoryProperties memory;
	int best = -1;
	uint32_t i;

	get_memory(device, &memory);
	for (i = 0; i < memory.memoryTypeCount; i++) {
		VkMemoryPropertyFlags flags = memory.memoryTypes[i].propertyFlags;

		if ((flags & WANTED) != WANTED ||
		    memory.memoryHeaps[memory.memoryTypes[i].heapIndex].size < bytes)
			continue;
		if (!(flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT))
			return i;
		if (best < 0)
			best = i;
	}
	return best;
}

static const char *device_create(VkPhysicalDevice physical, VkDevice *device)
{
	const float priority = 1;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	const VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
	};

	if (create_device(physical, &info, NULL, device) != VK_SUCCESS)
		return "vkCreateDevice fails";
	return NULL;
}

static const char *device_map(VkPhysicalDevice physical, int type, struct vram *vram)
{
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = vram->bytes,
		.memoryTypeIndex = type,
	};
	VkDeviceMemory memory;
	VkDevice device;
	const char *reason = device_create(physical, &device);

	if (reason)
		return reason;
	if (allocate_memory(device, &info, NULL, &memory) != VK_SUCCESS)
		return "vkAllocateMemory fails: ask for less";
	if (map_memory(device, memory, 0, VK_WHOLE_SIZE, 0, &vram->vaddr) != VK_SUCCESS)
		return "vkMapMemory fails";
	return NULL;
}

static void describe(VkPhysicalDevice physical, int type, struct vram *vram)
{
	VkPhysicalDeviceMemoryProperties memory;
	VkPhysicalDeviceProperties properties;

	get_memory(physical, &memory);
	get_properties(physical, &properties);
	snprintf(vram->name, sizeof(vram->name), "%s, memory type %d, flags 0x%x",
		 properties.deviceName, type, memory.memoryTypes[type].propertyFlags);
}

static const char *instance_map(VkInstance instance, struct vram *vram, bool any_device)
{
	VkPhysicalDevice devices[MAX_DEVICES];
	uint32_t i, num = MAX_DEVICES;
	const char *reason = "there is no discrete GPU that Vulkan knows";
	int type;

	if (enumerate_devices(instance, &num, devices) < 0)
		return "vkEnumeratePhysicalDevices fails";
	for (i = 0; i < num; i++) {
		if (!is_wanted(devices[i], any_device))
			continue;
		type = type_of(devices[i], vram->bytes);
		if (type < 0) {
			reason = "the GPU has no such memory that the CPU can reach, or too little";
			continue;
		}
		describe(devices[i], type, vram);
		return device_map(devices[i], type, vram);
	}
	return reason;
}

/* Neither the mapping nor the driver goes before the program does. */
const char *vram_map(struct vram *vram, size_t bytes, bool any_device)
{
	PFN_vkGetInstanceProcAddr get;
	VkInstance instance;
	const char *reason = load(&get);

	vram->bytes = bytes;
	if (!reason)
		reason = instance_create(&instance);
	if (!reason)
		reason = resolve(get, instance);
	if (!reason)
		reason = instance_map(instance, vram, any_device);
	return reason;
}

#pragma once
#include <stdint.h>

/// A descriptor that counts this thread's user-space instructions; -1 where the kernel or the machine gives none.
int benchmark_open_instruction_counter(void);

/// Calls of malloc, calloc, realloc and the aligned allocators so far, in this whole process.
uint64_t benchmark_allocation_count(void);

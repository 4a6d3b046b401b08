// SPDX-License-Identifier: Apache-2.0
/*
 * xstate.c - preloaded into User Mode Linux: lets it run on processors whose register state is larger than it knows.
 *
 * UML keeps its guest's vector registers by ptrace(2), in a buffer of a size that was fixed before AMX: reading cuts off
 * what does not fit, but writing less than all is refused, and the guest dies with its first process. Here what is
 * written is completed: the registers beyond the buffer, which UML's guests never see, are in their initial state.
 *
 * Source: Linux Documentation/arch/x86/xstate.rst; Intel SDM volume 1, section 13.4 (the XSAVE area).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#define XSTATE_MAX (64 << 10)
#define XSTATE_PRESENT 512 /* where the header says which components are not in their initial state */
#define XSTATE_AMX (3ULL << 17) /* tile configuration and data, the last ones */

typedef long (*ptrace_t)(int, pid_t, void *, void *);

static long write_all(ptrace_t real, pid_t pid, void *kind, const struct iovec *given)
{
	static char all[XSTATE_MAX];
	struct iovec whole = { all, sizeof(all) };
	unsigned long long present;

	if (real(PTRACE_GETREGSET, pid, kind, &whole))
		return -1;
	if (given->iov_len >= whole.iov_len)
		return real(PTRACE_SETREGSET, pid, kind, (void *)given);
	memcpy(all, given->iov_base, given->iov_len);
	memcpy(&present, all + XSTATE_PRESENT, sizeof(present));
	present &= ~XSTATE_AMX;
	memcpy(all + XSTATE_PRESENT, &present, sizeof(present));
	return real(PTRACE_SETREGSET, pid, kind, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	ptrace_t real = (ptrace_t)dlsym(RTLD_NEXT, "ptrace");
	void *address, *data;
	va_list arguments;
	pid_t pid;

	va_start(arguments, request);
	pid = va_arg(arguments, pid_t);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE)
		return write_all(real, pid, address, data);
	return real(request, pid, address, data);
}

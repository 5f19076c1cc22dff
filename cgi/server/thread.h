/*
 * thread: starts threads with small stacks.
 */
#ifndef HS_THREAD_H
#define HS_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Starts run(context) in *thread, which must be joined. False: no thread could be started. */
bool hs_thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *context), void *context);

#endif

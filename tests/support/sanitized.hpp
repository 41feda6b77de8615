#pragma once

/// TEST_SUPPORT_SANITIZED is defined where a sanitizer watches the program.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SUPPORT_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TEST_SUPPORT_SANITIZED
#endif
#endif

#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

/// The few functions of ONNX Runtime's C API that a worker needs. The npm package has the shared library but no header;
/// OrtApi is a table of functions whose order is part of the ABI: new ones are only added at its end.
namespace ort {

struct Env;
struct Session;
struct SessionOptions;
struct MemoryInfo;
struct Value;
struct IoBinding;
struct Status;

struct ApiBase {
  const void* const* (*table)(std::uint32_t version);
  const char* (*version)();
};
extern "C" const ApiBase* OrtGetApiBase();

enum ElementType { float32 = 1, int32 = 6 };

/// A function's place in the table, with its arguments.
template <int place, class... Args>
struct Function {
  /// Calls it; throws with ONNX Runtime's own words when it fails.
  void operator()(Args... args) const {
    const void* const* const table = OrtGetApiBase()->table(version_of_the_table);
    const auto call = reinterpret_cast<Status* (*)(Args...)>(table[place]);
    if (const Status* const status = call(args...)) {
      const auto message = reinterpret_cast<const char* (*)(const Status*)>(table[get_error_message]);
      throw std::runtime_error(std::string("ONNX Runtime: ") + message(status));
    }
  }
  static constexpr std::uint32_t version_of_the_table = 13;
  static constexpr int get_error_message = 2;
};

inline constexpr Function<3, int, const char*, Env**> create_env;
inline constexpr Function<7, const Env*, const char*, const SessionOptions*, Session**> create_session;
inline constexpr Function<10, SessionOptions**> create_session_options;
inline constexpr Function<24, SessionOptions*, int> set_intra_op_num_threads;
inline constexpr Function<49, const MemoryInfo*, void*, std::size_t, const std::int64_t*, std::size_t, int, Value**>
    create_tensor_with_data;
inline constexpr Function<69, int, int, MemoryInfo**> create_cpu_memory_info;
inline constexpr Function<133, Session*, const void*, const IoBinding*> run_with_binding;
inline constexpr Function<134, Session*, IoBinding**> create_io_binding;
inline constexpr Function<136, IoBinding*, const char*, const Value*> bind_input;
inline constexpr Function<137, IoBinding*, const char*, const Value*> bind_output;

/// Functions that give an object back and cannot fail.
enum Release { value = 96, session = 95, session_options = 100, io_binding = 135 };
inline void release(Release place, void* object) {
  const void* const* const table = OrtGetApiBase()->table(13);
  reinterpret_cast<void (*)(void*)>(const_cast<void*>(table[place]))(object);
}

}  // namespace ort

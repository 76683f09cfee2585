#include "source/event/file_calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace outrigger::event::file_calls {
namespace {

absl::Status Failed(int error, absl::string_view what, absl::string_view path) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " \"", path, "\""));
}

// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::StatusOr<std::string> Read(absl::string_view path, size_t limit) {
  const Descriptor file(open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return Failed(errno, "read", path);
  struct stat info;
  if (fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) > limit) {
    return absl::ResourceExhaustedError(absl::StrCat("\"", path, "\" is larger than ", limit, " bytes"));
  }
  std::string text;
  char piece[16 * 1024];
  for (;;) {
    const ssize_t n = read(file.get(), piece, sizeof(piece));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(errno, "read", path);
    if (n == 0) return text;
    if (text.size() + static_cast<size_t>(n) > limit) {
      return absl::ResourceExhaustedError(absl::StrCat("\"", path, "\" is larger than ", limit, " bytes"));
    }
    text.append(piece, static_cast<size_t>(n));
  }
}

IoResult OpenAppend(absl::string_view path) {
  const int fd = open(std::string(path).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  return fd >= 0 ? fd : -errno;
}

IoResult WriteAll(int fd, absl::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = write(fd, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return written > 0 ? static_cast<IoResult>(written) : -errno;
    written += static_cast<size_t>(n);
  }
  return static_cast<IoResult>(written);
}

absl::Status Replace(absl::string_view path, absl::string_view bytes, uint32_t mode, uint64_t unique) {
  const std::string target(path);
  const std::string temporary = absl::StrCat(path, ".", absl::Hex(unique), ".tmp");
  {
    const Descriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (file.get() < 0) return Failed(errno, "create", temporary);
    const IoResult written = WriteAll(file.get(), bytes);
    const bool whole = written == static_cast<IoResult>(bytes.size());
    if (!whole || fsync(file.get()) != 0) {
      const int error = !whole ? (written < 0 ? static_cast<int>(-written) : ENOSPC) : errno;
      unlink(temporary.c_str());
      return Failed(error, "write", temporary);
    }
  }
  if (rename(temporary.c_str(), target.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    return Failed(error, "replace", path);
  }
  const Descriptor folder(open(FolderOf(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || fsync(folder.get()) != 0) return Failed(errno, "sync the folder of", path);
  return absl::OkStatus();
}

absl::Status Remove(absl::string_view path) {
  if (unlink(std::string(path).c_str()) != 0) return Failed(errno, "remove", path);
  return absl::OkStatus();
}

absl::Status MakeFolder(absl::string_view path, uint32_t mode) {
  const std::string name(path);
  if (mkdir(name.c_str(), mode) == 0) return absl::OkStatus();
  const int error = errno;
  struct stat info;
  if (error == EEXIST && stat(name.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return absl::OkStatus();
  return Failed(error, "make folder", path);
}

absl::Status CheckOwner(absl::string_view path, uint32_t forbidden) {
  struct stat info;
  if (stat(std::string(path).c_str(), &info) != 0) return Failed(errno, "look at", path);
  if (info.st_uid != geteuid() && info.st_uid != 0) {
    return absl::PermissionDeniedError(absl::StrCat("\"", path, "\" belongs to another user"));
  }
  const uint32_t bits = info.st_mode & 07777;
  if ((bits & forbidden) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrFormat("the permissions of \"%s\" are %04o: none of %04o may be set", path, bits, forbidden));
}

IoResult ChangeMode(absl::string_view path, uint32_t mode) {
  return chmod(std::string(path).c_str(), mode) == 0 ? 0 : -errno;
}

absl::StatusOr<std::vector<std::string>> List(absl::string_view path) {
  DIR* folder = opendir(std::string(path).c_str());
  if (folder == nullptr) return Failed(errno, "list", path);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(folder)) {
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

Engine::FileUse OpenFiles() {
  Engine::FileUse use;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) use.most = limit.rlim_cur;
  struct stat facts {};
  // Linux 6.2 and later say it at once; before that the names are counted.
  if (::stat("/proc/self/fd", &facts) == 0 && facts.st_size > 0) {
    use.open = static_cast<uint64_t>(facts.st_size);
    return use;
  }
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) {
    if (errno == EMFILE) use.open = use.most;  // none is left to look with
    return use;
  }
  while (::readdir(folder) != nullptr) ++use.open;
  ::closedir(folder);
  use.open -= std::min<uint64_t>(use.open, 3);  // ".", ".." and the one that looked
  return use;
}

}  // namespace outrigger::event::file_calls

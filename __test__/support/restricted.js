'use strict'

// Programs that start another one under a limit which Node.js cannot set by itself: built from C, where a compiler is there.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')

const SOURCES = {
  // memory files are refused with the error number of the first argument
  'no-memfd': `
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main (int argc, char **argv) {
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | atoi(argv[1])),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
  };
  struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
  if (argc < 3 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 125;
  execv(argv[2], argv + 2);
  return 126;
}`,
  // the kernel does not tell which pages were written
  'no-page-scan': `
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main (int argc, char **argv) {
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xc0606610, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
  };
  struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
  if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 125;
  execv(argv[1], argv + 1);
  return 126;
}`,
  // as a user of its own, who may have as many threads as the first argument says; only root can start it
  'no-threads': `
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

int main (int argc, char **argv) {
  struct rlimit limit = { atoi(argv[1]), atoi(argv[1]) };
  if (argc < 3 || setrlimit(RLIMIT_NPROC, &limit) || setgid(65534) || setuid(60000 + getpid() % 5000)) return 125;
  execv(argv[2], argv + 2);
  return 126;
}`
}

// The path of a launcher, or a sentence that says why there is none.
function launcher (name) {
  if (process.platform !== 'linux') return { missing: 'only on Linux' }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-launcher-'))
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  const source = path.join(folder, `${name}.c`)
  fs.writeFileSync(source, SOURCES[name])
  const { status, error, stderr } = spawnSync('cc', ['-O1', '-o', path.join(folder, name), source], { encoding: 'utf8' })
  if (error) return { missing: 'no C compiler (cc)' }
  if (status !== 0) throw new Error(stderr)
  fs.chmodSync(folder, 0o755)
  return { file: path.join(folder, name) }
}

module.exports = { launcher }

/**
 * The first process of a pod: it holds the sandbox's namespaces, reaps the orphans of a shared pid namespace, and leaves
 * on SIGINT or SIGTERM. A static ELF program of some 200 bytes, assembled here instruction by instruction:
 *
 *     block INT, TERM, CHLD
 *     wait:  signal = rt_sigtimedwait(the blocked ones)
 *            CHLD: reap until there is nothing left; an error: wait; else exit(0)
 */
export function pauseProgram(architecture: string): Buffer {
  const target = TARGETS[architecture];
  if (!target) throw new Error(`no pause program for the processor architecture ${architecture}`);
  const code = Buffer.from(target.code.flat());
  const HEADERS = 64 + 56;
  const BASE = 0x400000n;
  const elf = Buffer.alloc(HEADERS + code.length);
  // The file header (elf(5)): 64 bits, little-endian, an executable, entered behind the headers, one program header.
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0);
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(target.machine, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(BASE + BigInt(HEADERS), 24);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(64, 52);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt16LE(64, 58);
  // The program header: load the whole file, readable and executable.
  elf.writeUInt32LE(1, 64);
  elf.writeUInt32LE(5, 68);
  elf.writeBigUInt64LE(BASE, 80);
  elf.writeBigUInt64LE(BASE, 88);
  elf.writeBigUInt64LE(BigInt(elf.length), 96);
  elf.writeBigUInt64LE(BigInt(elf.length), 104);
  elf.writeBigUInt64LE(0x10000n, 112);
  code.copy(elf, HEADERS);
  return elf;
}

/** Instructions of a fixed width of four bytes, least significant first. */
const words = (...instructions: number[]): number[] =>
  instructions.flatMap((word) => [word & 0xff, (word >> 8) & 0xff, (word >> 16) & 0xff, (word >>> 24) & 0xff]);

/** Signals 2 (INT), 15 (TERM) and 17 (CHLD) as a kernel signal set: 0x14002. */
const TARGETS: Record<string, { machine: number; code: number[][] }> = {
  amd64: {
    machine: 62,
    code: [
      [0x68, 0x02, 0x40, 0x01, 0x00], // push 0x14002, the set, which stays on the stack
      [0x48, 0x89, 0xe6], //             mov rsi, rsp
      [0x31, 0xff, 0x31, 0xd2], //       xor edi, edi (SIG_BLOCK); xor edx, edx
      [0x6a, 0x08, 0x41, 0x5a], //       push 8; pop r10, the set's size
      [0x6a, 0x0e, 0x58, 0x0f, 0x05], // push 14; pop rax; syscall: rt_sigprocmask
      // wait:
      [0x48, 0x89, 0xe7], //             mov rdi, rsp
      [0x31, 0xf6, 0x31, 0xd2], //       xor esi, esi; xor edx, edx
      [0x6a, 0x08, 0x41, 0x5a], //       push 8; pop r10
      [0xb8, 0x80, 0x00, 0x00, 0x00], // mov eax, 128
      [0x0f, 0x05], //                   syscall: rt_sigtimedwait
      [0x83, 0xf8, 0x11], //             cmp eax, 17
      [0x74, 0x0b], //                   je reap (over the 11 bytes that follow)
      [0x85, 0xc0], //                   test eax, eax
      [0x78, 0xe5], //                   js wait (27 bytes back)
      [0x31, 0xff], //                   xor edi, edi
      [0x6a, 0x3c, 0x58, 0x0f, 0x05], // push 60; pop rax; syscall: exit
      // reap:
      [0x48, 0x83, 0xcf, 0xff], //       or rdi, -1
      [0x31, 0xf6], //                   xor esi, esi
      [0x6a, 0x01, 0x5a], //             push 1; pop rdx (WNOHANG)
      [0x45, 0x31, 0xd2], //             xor r10d, r10d
      [0x6a, 0x3d, 0x58, 0x0f, 0x05], // push 61; pop rax; syscall: wait4
      [0x85, 0xc0], //                   test eax, eax
      [0x7f, 0xeb], //                   jg reap (21 bytes back)
      [0xeb, 0xc7], //                   jmp wait (57 bytes back)
    ],
  },
  arm64: {
    machine: 183,
    code: [
      words(0xd2880041), //             mov x1, #0x4002
      words(0xf2a00021), //             movk x1, #0x1, lsl #16
      words(0xf81f0fe1), //             str x1, [sp, #-16]!
      words(0xd2800000), //             mov x0, #0 (SIG_BLOCK)
      words(0x910003e1), //             mov x1, sp
      words(0xd2800002), //             mov x2, #0
      words(0xd2800103), //             mov x3, #8
      words(0xd28010e8, 0xd4000001), // mov x8, #135; svc #0: rt_sigprocmask
      // wait:
      words(0x910003e0), //             mov x0, sp
      words(0xd2800001, 0xd2800002), // mov x1, #0; mov x2, #0
      words(0xd2800103), //             mov x3, #8
      words(0xd2801128, 0xd4000001), // mov x8, #137; svc #0: rt_sigtimedwait
      words(0xf100441f), //             cmp x0, #17
      words(0x540000a0), //             b.eq reap (5 words on)
      words(0xb7ffff00), //             tbnz x0, #63, wait (8 words back)
      words(0xd2800000), //             mov x0, #0
      words(0xd2800ba8, 0xd4000001), // mov x8, #93; svc #0: exit
      // reap:
      words(0x92800000), //             mov x0, #-1
      words(0xd2800001, 0xd2800022), // mov x1, #0; mov x2, #1 (WNOHANG)
      words(0xd2800003), //             mov x3, #0
      words(0xd2802088, 0xd4000001), // mov x8, #260; svc #0: wait4
      words(0xf100001f), //             cmp x0, #0
      words(0x54ffff2c), //             b.gt reap (7 words back)
      words(0x17ffffec), //             b wait (20 words back)
    ],
  },
};

/*
 * OpenSSL's ciphers on blocks of 16 KB, as `openssl speed` does it, with the libcrypto that LIBCRYPTO names (no
 * headers are needed). Usage: crypto LIBCRYPTO BLOCKS [WARM-UP-BLOCKS [NAME...]]
 */
#include <dlfcn.h>
#include "timing.h"

enum { BLOCK = 16384, EVP_CTRL_AEAD_GET_TAG = 0x10 };

typedef void *(*evp_new)(void);
typedef const void *(*evp_kind)(void);

static void *library;

static void *symbol(const char *name) {
  void *f = dlsym(library, name);
  if (!f) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  return f;
}

static void check(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

static uint8_t in[BLOCK], out[BLOCK + 64], tag[32];

static uint64_t bits(const uint8_t *p) {
  uint64_t x;
  memcpy(&x, p, 8);
  return x;
}

static uint64_t digest(const char *kind, long blocks) {
  void *ctx = ((evp_new)symbol("EVP_MD_CTX_new"))();
  int (*init)(void *, const void *, void *) = symbol("EVP_DigestInit_ex");
  int (*update)(void *, const void *, size_t) = symbol("EVP_DigestUpdate");
  int (*final)(void *, uint8_t *, unsigned *) = symbol("EVP_DigestFinal_ex");
  const void *md = ((evp_kind)symbol(kind))();
  uint64_t sum = 0;
  for (long i = 0; i < blocks; i++) {
    check(init(ctx, md, NULL) && update(ctx, in, BLOCK) && final(ctx, tag, NULL), kind);
    sum = sum * 31 + bits(tag);
    in[i % BLOCK]++;
  }
  return sum;
}

/* Each block with an IV of its own, and a tag if the cipher makes one. */
static uint64_t encrypt(const char *kind, int aead, long blocks) {
  void *ctx = ((evp_new)symbol("EVP_CIPHER_CTX_new"))();
  int (*init)(void *, const void *, void *, const uint8_t *, const uint8_t *) = symbol("EVP_EncryptInit_ex");
  int (*update)(void *, uint8_t *, int *, const uint8_t *, int) = symbol("EVP_EncryptUpdate");
  int (*final)(void *, uint8_t *, int *) = symbol("EVP_EncryptFinal_ex");
  int (*ctrl)(void *, int, int, void *) = symbol("EVP_CIPHER_CTX_ctrl");
  static const uint8_t key[32] = "0123456789abcdef0123456789abcde";
  uint8_t iv[16] = {1, 2, 3};
  check(init(ctx, ((evp_kind)symbol(kind))(), NULL, key, iv), kind);
  uint64_t sum = 0;
  for (long i = 0; i < blocks; i++) {
    int n;
    iv[4] = (uint8_t)i;
    check(init(ctx, NULL, NULL, NULL, iv) && update(ctx, out, &n, in, BLOCK) && final(ctx, out + n, &n), kind);
    if (aead) check(ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag), kind);
    sum = sum * 31 + bits(out + 8192) + (aead ? bits(tag) : 0);
  }
  return sum;
}

static void run(long blocks) {
  for (int i = 0; i < BLOCK; i++) in[i] = (uint8_t)(i * 7 + (i >> 8));
  BENCH("sha256", digest("EVP_sha256", blocks));
  BENCH("aes-128-gcm", encrypt("EVP_aes_128_gcm", 1, blocks));
  BENCH("chacha20", encrypt("EVP_chacha20", 0, blocks));
}

int main(int argc, char **argv) {
  library = argc > 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!library) {
    fprintf(stderr, "%s\n", argc > 2 ? dlerror() : "usage: crypto LIBCRYPTO BLOCKS [WARM-UP-BLOCKS [NAME...]]");
    return 1;
  }
  if (argc > 4) wanted_names = argv + 4;
  quiet = 1;
  if (argc > 3) run(atol(argv[3]));
  quiet = 0;
  run(atol(argv[2]));
  return 0;
}

/* libcrypto, libssl and libz, loaded and used: known digests, a TLS handshake in memory, and data packed and unpacked. */
#include "check.h"

#define F(type, handle, name, ...) type (*name)(__VA_ARGS__) = find(handle, #name)

static void crypto(void *h) {
  F(unsigned char *, h, SHA256, const void *, size_t, unsigned char *);
  F(unsigned long, h, OpenSSL_version_num, void);
  F(int, h, RAND_bytes, unsigned char *, int);
  unsigned char digest[32], random[32] = {0}, zero[32] = {0};
  SHA256("abc", 3, digest);
  static const unsigned char abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
  OK(memcmp(digest, abc, 8) == 0, "SHA-256 of abc");
  OK(OpenSSL_version_num() >> 28 >= 1, "version");
  OK(RAND_bytes(random, 32) == 1 && memcmp(random, zero, 32) != 0, "random bytes");
  char *big = malloc(1 << 20);
  for (int i = 0; i < 1 << 20; i++) big[i] = i * 7;
  SHA256(big, 1 << 20, digest);
  printf("SHA-256 of 1 MiB: ");
  for (int i = 0; i < 32; i++) printf("%02x", digest[i]);
  putchar('\n');
  free(big);
}

/* A client and a server over memory BIOs, with an anonymous cipher: no certificate is needed. */
static void ssl(void *c, void *h) {
  F(void *, h, TLS_method, void);
  F(void *, h, SSL_CTX_new, void *);
  F(int, h, SSL_CTX_set_cipher_list, void *, const char *);
  F(long, h, SSL_CTX_ctrl, void *, int, long, void *);
  F(void *, h, SSL_new, void *);
  F(void, h, SSL_set_bio, void *, void *, void *);
  F(void, h, SSL_set_connect_state, void *);
  F(void, h, SSL_set_accept_state, void *);
  F(int, h, SSL_do_handshake, void *);
  F(int, h, SSL_write, void *, const void *, int);
  F(int, h, SSL_read, void *, void *, int);
  F(const char *, h, SSL_get_version, void *);
  F(void, h, SSL_free, void *);
  F(void, h, SSL_CTX_free, void *);
  F(int, c, BIO_new_bio_pair, void **, size_t, void **, size_t);
  void *context = must(SSL_CTX_new(TLS_method()), "SSL_CTX_new");
  OK(SSL_CTX_set_cipher_list(context, "ADH-AES256-GCM-SHA384:@SECLEVEL=0") == 1, "cipher");
  SSL_CTX_ctrl(context, 124 /* SSL_CTRL_SET_MAX_PROTO_VERSION */, 0x0303, NULL);
  SSL_CTX_ctrl(context, 118 /* SSL_CTRL_SET_DH_AUTO */, 1, NULL);
  void *ours, *theirs, *client = SSL_new(context), *server = SSL_new(context);
  OK(BIO_new_bio_pair(&ours, 0, &theirs, 0) == 1, "pair");
  SSL_set_bio(client, ours, ours);
  SSL_set_bio(server, theirs, theirs);
  SSL_set_connect_state(client);
  SSL_set_accept_state(server);
  int done = 0;
  for (int i = 0; i < 20 && done != 2; i++)
    done = (SSL_do_handshake(client) == 1) + (SSL_do_handshake(server) == 1);
  OK(done == 2, "handshake");
  char text[16] = "";
  OK(SSL_write(client, "over TLS", 9) == 9, "write");
  OK(SSL_read(server, text, sizeof text) == 9 && strcmp(text, "over TLS") == 0, "read");
  printf("%s\n", SSL_get_version(client));
  SSL_free(client);
  SSL_free(server);
  SSL_CTX_free(context);
}

static void zlib(void *h) {
  F(unsigned long, h, crc32, unsigned long, const unsigned char *, unsigned);
  F(int, h, compress2, void *, unsigned long *, const void *, unsigned long, int);
  F(int, h, uncompress, void *, unsigned long *, const void *, unsigned long);
  F(unsigned long, h, compressBound, unsigned long);
  F(const char *, h, zlibVersion, void);
  OK(crc32(0, (const unsigned char *)"123456789", 9) == 0xcbf43926, "CRC-32");
  unsigned long size = 300000, packed_size = compressBound(size), back_size = size;
  unsigned char *data = malloc(size), *packed = malloc(packed_size), *back = malloc(size);
  for (unsigned long i = 0; i < size; i++) data[i] = (i * i) >> 9;
  OK(compress2(packed, &packed_size, data, size, 9) == 0, "compress");
  OK(uncompress(back, &back_size, packed, packed_size) == 0 && back_size == size, "uncompress");
  OK(memcmp(data, back, size) == 0, "the same came back");
  printf("zlib %s: %lu bytes\n", zlibVersion(), packed_size);
}

int main(int argc, char **argv) {
  void *z = open_library(argv[1], RTLD_NOW | RTLD_LOCAL);
  void *c = open_library(argv[2], RTLD_LAZY | RTLD_GLOBAL);
  void *s = open_library(argv[3], RTLD_NOW);
  zlib(z);
  crypto(c);
  ssl(c, s);
  return finish();
}

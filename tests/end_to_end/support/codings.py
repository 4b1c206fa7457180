"""Content codings for origins: gzip and deflate by Python, brotli and zstd by the C libraries."""

import ctypes
import gzip as gzip_module
import zlib


def gzip(data):
    return gzip_module.compress(data, 9, mtime=0)


def deflate(data):
    return zlib.compress(data, 9)


def raw_deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def brotli(data):
    library = ctypes.CDLL("libbrotlienc.so.1")
    library.BrotliEncoderMaxCompressedSize.restype = ctypes.c_size_t
    room = library.BrotliEncoderMaxCompressedSize(ctypes.c_size_t(len(data))) or len(data) + 1024
    out, size = ctypes.create_string_buffer(room), ctypes.c_size_t(room)
    assert library.BrotliEncoderCompress(9, 24, 0, ctypes.c_size_t(len(data)), data,
                                         ctypes.byref(size), out)
    return out.raw[:size.value]


def zstd(data):
    library = ctypes.CDLL("libzstd.so.1")
    for function in (library.ZSTD_compressBound, library.ZSTD_compress):
        function.restype = ctypes.c_size_t
    room = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    size = library.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 9)
    assert not library.ZSTD_isError(ctypes.c_size_t(size))
    return out.raw[:size]


# by their names in Content-Encoding
ENCODERS = {"gzip": gzip, "deflate": deflate, "br": brotli, "zstd": zstd}

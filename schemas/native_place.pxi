# What every module in C moves through bytes with: long_at and taken move a place, and never beyond its end.
#
# Included as it stands, from where schemas.native_build says; the digest of each module covers it.

from libc.stdint cimport int64_t, uint64_t


cdef extern from *:  # given to the compiler by schemas.native_build
    const char *SOURCE_DIGEST


def source_digest():
    """SHA-256 in hex of the source that this was compiled from."""
    return SOURCE_DIGEST.decode()


cdef struct Place:
    const unsigned char *at
    const unsigned char *end


cdef int refused() except -1:
    raise ValueError("not bytes in their usual form")


cdef int64_t long_at(Place *place) except? -1:
    """Zigzag, seven bits a byte, the lowest first; up to nine bytes."""
    cdef uint64_t number = 0
    cdef int shift = 0
    cdef unsigned char byte
    while place.at < place.end and shift < 63:
        byte = place.at[0]
        place.at += 1
        number |= <uint64_t>(byte & 127) << shift
        if byte < 128:
            return <int64_t>(number >> 1) ^ -<int64_t>(number & 1)
        shift += 7
    return refused()


cdef const unsigned char *taken(Place *place, Py_ssize_t size) except NULL:
    """Where ``size`` bytes begin; the place stands behind them. Below zero: none are taken."""
    cdef const unsigned char *begin = place.at
    if size > place.end - begin:
        refused()
    place.at = begin + max(0, size)
    return begin

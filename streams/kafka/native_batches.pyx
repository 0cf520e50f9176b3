# cython: language_level=3, boundscheck=False, wraparound=False
"""Records of the log in C, out of what a broker answered to a fetch (format: record batches v2, KIP-98).

Each batch is looked at whole before a record of any is read, its checksum too. Nothing is read beyond what it says it holds
(``schemas/native_place.pxi``).

It is stricter than aiokafka's readers: whatever isn't in its usual form (older or compressed batches, a wrong checksum, numbers
of ten bytes, offsets outside their batch) raises ``ValueError``, and is theirs to read or to refuse.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject, PyTypeObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp


include "native_place.pxi"


cdef enum:  # where what stands in a batch's head; its length counts what stands behind itself
    LENGTH_AT = 8
    LENGTH_ENDS = 12
    MAGIC_AT = 16
    CRC_AT = 17
    ATTRIBUTES_AT = 21
    LAST_DELTA_AT = 23
    COUNT_AT = 57
    HEAD = 61
    MAGIC = 2
    COMPRESSION = 7  # bits of its attributes
    CONTROL = 32
    FRAME = 5  # bytes before an event's own (streams.kafka.records)
    DIGITS = 19  # of an epoch at most (streams.kafka.records)


cdef struct Cursor:
    Place place  # in a batch
    int64_t base
    int64_t last_delta
    int64_t left  # records
    int64_t position  # the offset that is wanted next


cdef struct Found:
    int64_t offset
    const unsigned char *key
    Py_ssize_t key_size  # below zero: there is none
    const unsigned char *value
    Py_ssize_t value_size
    const unsigned char *under  # what the header says that names the epoch of an import
    Py_ssize_t under_size


cdef uint32_t number_at(const unsigned char *at) noexcept:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]


cdef Py_ssize_t size_at(Place *place) except? -2:
    """A length, of which as many bytes are there; -1: none, which isn't empty."""
    cdef int64_t size = long_at(place)
    if size < -1 or size > place.end - place.at:
        refused()
    return size


cdef object made(object kind, tuple values):
    """A named tuple, without its constructor in Python."""
    cdef tuple arguments = (values,)
    return (<PyTypeObject *>tuple).tp_new(kind, <PyObject *>arguments, NULL)


cdef class Kinds:
    """What records are made of: ``log_record`` and ``body``, named tuples; ``heads``: an event's type and version, by the bytes
    that say so; ``unframed``: reads a value that has another head; ``under``: the header that names an import's epoch."""

    cdef object log_record, body, unframed
    cdef dict heads
    cdef bytes under

    def __init__(self, log_record, body, dict heads not None, unframed, bytes under not None):
        self.log_record, self.body, self.heads, self.unframed, self.under = log_record, body, heads, unframed, under

    cdef object body_of(self, const unsigned char *value, Py_ssize_t size):
        cdef Py_ssize_t begin, head_size
        cdef object kind
        if size < 0:
            return self.unframed(None)
        if size > FRAME and not value[0] and not value[FRAME] & 129:
            begin = FRAME + 1 + (value[FRAME] >> 1)
            if begin < size:
                head_size = 2 + (value[begin] >> 1)
                if head_size <= size - begin:
                    kind = self.heads.get(PyBytes_FromStringAndSize(<const char *>value + begin, head_size))
                    if kind is not None:
                        data = PyBytes_FromStringAndSize(<const char *>value + FRAME, size - FRAME)
                        return made(self.body, ((<tuple>kind)[0], (<tuple>kind)[1], data))
        return self.unframed(PyBytes_FromStringAndSize(<const char *>value, size))


cdef class Batches:
    """``data``: whole batches, perhaps a part of one behind them. ``position``: the offset that is wanted first. ``checksum``: of
    bytes, CRC-32C. Raises ``ValueError``."""

    cdef bytes data
    cdef const unsigned char *end  # of the last whole batch
    cdef Cursor cursor
    cdef object partition
    cdef Kinds kinds

    def __init__(self, bytes data not None, partition, int64_t position, checksum, Kinds kinds not None):
        cdef const unsigned char *begin = <const unsigned char *>PyBytes_AS_STRING(data)
        cdef const unsigned char *at = begin
        cdef const unsigned char *end = begin + PyBytes_GET_SIZE(data)
        cdef uint32_t length
        view = memoryview(data)
        while end - at >= LENGTH_ENDS:
            length = number_at(at + LENGTH_AT)
            if length > <uint64_t>(end - at - LENGTH_ENDS) and length < 1 << 31:
                break
            if length < HEAD - LENGTH_ENDS or length >= 1 << 31:
                refused()
            self.check(at)
            if checksum(view[at - begin + ATTRIBUTES_AT : at - begin + LENGTH_ENDS + length]) != number_at(at + CRC_AT):
                refused()
            at += LENGTH_ENDS + length
        self.data, self.partition, self.kinds, self.end = data, partition, kinds, at
        self.cursor.place.at = self.cursor.place.end = begin
        self.cursor.base = position
        self.cursor.last_delta = -1
        self.cursor.left = 0
        self.cursor.position = position

    cdef int check(self, const unsigned char *at) except -1:
        if at[MAGIC_AT] != MAGIC or at[ATTRIBUTES_AT + 1] & COMPRESSION:
            return refused()
        if number_at(at) >= 1 << 30 or number_at(at + LAST_DELTA_AT) >= 1 << 31 or number_at(at + COUNT_AT) >= 1 << 31:
            return refused()
        return 0

    @property
    def position(self):
        return self.cursor.position

    def log_records(self, int64_t until, Py_ssize_t limit):
        """The next of them below the offset ``until``, up to ``limit``. Raises ``ValueError``: then it stands where it stood."""
        cdef Cursor cursor = self.cursor
        cdef Found found
        cdef list records = []
        cdef Py_ssize_t count = 0
        cdef const unsigned char *known = NULL  # the key of the record before
        cdef Py_ssize_t known_size = -1
        cdef object name = "", under
        cdef const unsigned char *record
        while count < limit and cursor.position < until:
            if not cursor.left:
                if not self.next_batch(&cursor):
                    break
                continue
            record = cursor.place.at
            read(&cursor, &found, self.kinds.under)
            if found.offset >= until:  # nothing stands between
                cursor.place.at = record
                cursor.position = until
                break
            cursor.left -= 1
            if found.offset < cursor.position:
                continue
            if found.key_size <= 0:
                name, known_size = "", -1
            elif found.key_size != known_size or memcmp(found.key, known, known_size):
                name = PyUnicode_DecodeUTF8(<const char *>found.key, found.key_size, "replace")
                known, known_size = found.key, found.key_size
            under = None
            if found.under_size:
                under = int(PyBytes_FromStringAndSize(<const char *>found.under, found.under_size))
            body = self.kinds.body_of(found.value, found.value_size)
            records.append(made(self.kinds.log_record, (self.partition, found.offset, name, body, under)))
            count += 1
            cursor.position = found.offset + 1
        self.cursor = cursor
        return records

    cdef bint next_batch(self, Cursor *cursor) except -1:
        """Whether there is one. Behind the last the position is that of whatever follows."""
        cdef const unsigned char *at = cursor.place.end
        if cursor.place.at != cursor.place.end:
            return refused()
        cursor.position = max(cursor.position, cursor.base + cursor.last_delta + 1)
        if at == self.end:
            return False
        cursor.place.end = at + LENGTH_ENDS + number_at(at + LENGTH_AT)
        cursor.base = <int64_t>(<uint64_t>number_at(at) << 32 | number_at(at + 4))
        cursor.last_delta = number_at(at + LAST_DELTA_AT)
        if at[ATTRIBUTES_AT + 1] & CONTROL:
            cursor.left, cursor.place.at = 0, cursor.place.end
        else:
            cursor.left, cursor.place.at = number_at(at + COUNT_AT), at + HEAD
        return True


cdef int read(Cursor *cursor, Found *found, bytes under) except -1:
    """Where what of a record stands."""
    cdef Place *place = &cursor.place
    cdef int64_t size = long_at(place), delta, headers
    cdef Py_ssize_t name_size, value_size, i
    cdef const unsigned char *begin = place.at
    cdef const unsigned char *name
    cdef const unsigned char *value
    if size < 1 or size > place.end - begin or taken(place, 1)[0]:
        return refused()
    long_at(place)  # its time
    delta = long_at(place)
    if delta < 0 or delta > cursor.last_delta:
        return refused()
    found.offset = cursor.base + delta
    found.key_size = size_at(place)
    found.key = taken(place, found.key_size)
    found.value_size = size_at(place)
    found.value = taken(place, found.value_size)
    found.under_size = 0
    headers = long_at(place)
    if headers < 0:
        return refused()
    while headers:
        headers -= 1
        name_size = size_at(place)
        name = taken(place, name_size)
        for i in range(name_size):
            if name[i] > 127:
                return refused()
        value_size = size_at(place)
        value = taken(place, value_size)
        if name_size < 0:
            return refused()
        if name_size == PyBytes_GET_SIZE(under) and not found.under_size and not memcmp(
            name, PyBytes_AS_STRING(under), name_size
        ):
            for i in range(value_size):
                if i == DIGITS or not c"0" <= value[i] <= c"9":
                    break
            else:
                found.under, found.under_size = value, max(0, value_size)
    if place.at - begin != size:
        return refused()
    return 0

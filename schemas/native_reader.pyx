# cython: language_level=3, boundscheck=False, wraparound=False
"""Readers of happenings in C: fields that are put together as ``schemas.native_readers`` finds them in an Avro schema.

It knows no schema: what is compiled once reads every type and version. Each field reads its bytes and moves the place behind
them, and none looks beyond the end (``native_place.pxi``).

It is stricter than the readers in Python: whatever isn't in its usual form (numbers of ten bytes, arrays whose blocks tell their
size, another type's name) raises ``ValueError``, ``KeyError`` or ``MisplacedError``, and is read by them.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy


include "native_place.pxi"


cdef extern from "Python.h":
    ctypedef struct PyTupleObject:
        PyObject *ob_item[1]
    object PyObject_Vectorcall(object kind, PyObject **values, size_t count, PyObject *names)
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL


cdef Py_ssize_t size_at(Place *place) except -1:
    """A length, of which as many bytes are there."""
    cdef int64_t size = long_at(place)
    if size < 0 or size > place.end - place.at:
        refused()
    return size


cdef str text_at(Place *place):
    cdef Py_ssize_t size = size_at(place)
    return PyUnicode_DecodeUTF8(<const char *>taken(place, size), size, NULL)


cdef class Field:
    """What stands at a place. Abstract."""

    cdef object read(self, Place *place):
        raise NotImplementedError

    cdef int skip(self, Place *place) except -1:
        self.read(place)
        return 0


cdef class Text(Field):
    cdef object read(self, Place *place):
        return text_at(place)

    cdef int skip(self, Place *place) except -1:
        taken(place, size_at(place))
        return 0


cdef class Bytes(Field):
    cdef object read(self, Place *place):
        cdef Py_ssize_t size = size_at(place)
        return PyBytes_FromStringAndSize(<const char *>taken(place, size), size)


cdef class Fixed(Field):
    cdef Py_ssize_t size

    def __init__(self, unsigned int size):
        self.size = size

    cdef object read(self, Place *place):
        return PyBytes_FromStringAndSize(<const char *>taken(place, self.size), self.size)

    cdef int skip(self, Place *place) except -1:
        taken(place, self.size)
        return 0


cdef class Long(Field):
    cdef object read(self, Place *place):
        return long_at(place)

    cdef int skip(self, Place *place) except -1:
        long_at(place)
        return 0


cdef class Double(Field):
    cdef object read(self, Place *place):
        cdef double number
        cdef unsigned char *bits = <unsigned char *>&number
        cdef const unsigned char *begin = taken(place, sizeof(double))
        memcpy(bits, begin, sizeof(double))
        return number


cdef class Boolean(Field):
    cdef object read(self, Place *place):
        cdef unsigned char byte = taken(place, 1)[0]
        if byte > 1:
            refused()
        return byte == 1


cdef class OneOf(Field):
    """A text that stands for another value."""

    cdef dict values

    def __init__(self, dict values not None):
        self.values = values

    cdef object read(self, Place *place):
        return self.values[text_at(place)]


cdef class Usual(Field):
    """Bytes that stand there in every record of a type."""

    cdef bytes usual
    cdef object value

    def __init__(self, bytes usual not None, value):
        self.usual, self.value = usual, value

    cdef object read(self, Place *place):
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.usual)
        if memcmp(taken(place, size), PyBytes_AS_STRING(self.usual), size):
            refused()
        return self.value


cdef class Optional(Field):
    cdef Field inner

    def __init__(self, Field inner not None):
        self.inner = inner

    cdef object read(self, Place *place):
        return self.inner.read(place) if self.stands(place) else None

    cdef int skip(self, Place *place) except -1:
        if self.stands(place):
            self.inner.skip(place)
        return 0

    cdef bint stands(self, Place *place) except -1:
        cdef unsigned char branch = taken(place, 1)[0]
        if branch and branch != 2:
            refused()
        return branch == 2


cdef class Array(Field):
    cdef Field item

    def __init__(self, Field item not None):
        self.item = item

    cdef object read(self, Place *place):
        cdef int64_t left = size_at(place)  # an item takes a byte at least
        cdef list items
        if not left:
            return ()
        items = []
        while left:
            for _ in range(left):
                items.append(self.item.read(place))
            left = size_at(place)
        return tuple(items)


cdef class Struct(Field):
    """``kind`` by keywords. ``private``: None of each field in the clear, else what its text reads as and what an empty
    ciphertext does; a field that must be there has ``()`` for the latter."""

    cdef object kind
    cdef tuple names, fields, private

    def __init__(self, kind, tuple names not None, tuple fields not None, tuple private not None):
        if not len(names) == len(fields) == len(private) or not all(isinstance(field, Field) for field in fields):
            raise ValueError("as many fields as names")
        self.kind, self.names, self.fields, self.private = kind, names, fields, private

    cdef object read(self, Place *place):
        return self.read_sealed(place, None)

    cdef object read_sealed(self, Place *place, dict sealed):
        cdef Py_ssize_t count = len(self.fields), i
        cdef tuple values = PyTuple_New(count)
        cdef object value, private
        for i in range(count):
            value = (<Field>self.fields[i]).read(place)
            private = self.private[i]
            if private is not None:
                if value:
                    sealed[self.names[i]] = value
                    value = private[0]
                elif private[1] == ():
                    refused()
                else:
                    value = private[1]
            Py_INCREF(value)
            PyTuple_SET_ITEM(values, i, value)
        return PyObject_Vectorcall(self.kind, (<PyTupleObject *>values).ob_item, 0, <PyObject *>self.names)


cdef class Reader:
    """``read(data, stored_under)`` builds ``kind`` by position. ``slots``: where what a field reads goes, below zero: it is passed
    over. ``sealed``: where the ciphertext goes; ``under``: which field is the conversation's id."""

    cdef object kind, misplaced
    cdef tuple fields
    cdef list slots
    cdef Py_ssize_t count, sealed, under

    def __init__(
        self, kind, tuple fields not None, list slots not None, Py_ssize_t sealed, Py_ssize_t under, misplaced
    ):
        self.kind, self.fields, self.slots = kind, fields, list(slots)
        self.sealed, self.under, self.misplaced = sealed, under, misplaced
        filled = sorted([sealed, *(slot for slot in slots if slot >= 0)])
        self.count = len(filled)
        if filled != list(range(self.count)) or len(slots) != len(fields):
            raise ValueError("each slot is filled once")
        if not all(isinstance(field, Field) for field in fields):
            raise TypeError("what reads must be fields")

    def read(self, bytes data not None, stored_under):
        cdef Place place
        cdef Py_ssize_t i, slot, size
        cdef const char *known
        cdef tuple values = PyTuple_New(self.count)
        cdef dict sealed = {}
        cdef object value
        cdef Field field
        place.at = <const unsigned char *>PyBytes_AS_STRING(data)
        place.end = place.at + PyBytes_GET_SIZE(data)
        Py_INCREF(sealed)
        PyTuple_SET_ITEM(values, self.sealed, sealed)
        for i in range(len(self.fields)):
            field = <Field>self.fields[i]
            slot = self.slots[i]
            if slot < 0:
                field.skip(&place)
                continue
            if i == self.under and stored_under is not None:
                known = PyUnicode_AsUTF8AndSize(stored_under, &size)
                if size_at(&place) != size or memcmp(taken(&place, size), known, size):
                    raise self.misplaced
                value = stored_under
            elif type(field) is Struct:
                value = (<Struct>field).read_sealed(&place, sealed)
            else:
                value = field.read(&place)
            Py_INCREF(value)
            PyTuple_SET_ITEM(values, slot, value)
        if place.at != place.end:
            refused()
        return PyObject_Vectorcall(self.kind, (<PyTupleObject *>values).ob_item, self.count, NULL)

package main

// lru keeps the entries that were used last, up to a number of entries and a total size. Not safe for concurrent use.
type lru[V any] struct {
	entries       map[string]*entry[V]
	newest        entry[V] // The head of a ring.
	maxEntries    int
	size, maxSize int
	sizeOf        func(key string) int
}

type entry[V any] struct {
	key        string
	value      V
	prev, next *entry[V]
}

func newLRU[V any](maxEntries, maxSize int, sizeOf func(string) int) *lru[V] {
	c := &lru[V]{entries: map[string]*entry[V]{}, maxEntries: maxEntries, maxSize: maxSize, sizeOf: sizeOf}
	c.newest.prev, c.newest.next = &c.newest, &c.newest
	return c
}

func (c *lru[V]) get(key string) (*V, bool) {
	e, ok := c.entries[key]
	if !ok {
		return nil, false
	}
	e.unlink()
	c.link(e)
	return &e.value, true
}

func (c *lru[V]) set(key string, value V) {
	if e, ok := c.entries[key]; ok {
		c.remove(e)
	}
	e := &entry[V]{key: key, value: value}
	c.entries[key] = e
	c.size += c.sizeOf(key)
	c.link(e)
	for len(c.entries) > c.maxEntries || c.size > c.maxSize {
		c.remove(c.newest.prev)
	}
}

func (c *lru[V]) remove(e *entry[V]) {
	e.unlink()
	delete(c.entries, e.key)
	c.size -= c.sizeOf(e.key)
}

func (c *lru[V]) link(e *entry[V]) {
	e.prev, e.next = &c.newest, c.newest.next
	e.prev.next, e.next.prev = e, e
}

func (e *entry[V]) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
}

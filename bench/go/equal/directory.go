package main

/*
#cgo LDFLAGS: -lsqlite3
#include <sqlite3.h>
#include <string.h>

// The only crossing of a request: binds the ids, which stand one after the other, steps, and writes each column of
// the row as its length, or -1 for NULL, and its text. Returns the bytes written, or minus the code of an error.
static int facts(sqlite3_stmt *statement, const char *ids, int user, int room, int video, char *row, int size) {
  int at = 0, code;
  sqlite3_bind_text(statement, 1, ids, user, SQLITE_STATIC);
  sqlite3_bind_text(statement, 2, ids + user, room, SQLITE_STATIC);
  sqlite3_bind_text(statement, 3, ids + user + room, video, SQLITE_STATIC);
  code = sqlite3_step(statement);
  if (code != SQLITE_ROW) {
    sqlite3_reset(statement);
    return -code;
  }
  for (int column = 0; column < sqlite3_column_count(statement); column++) {
    const unsigned char *text = sqlite3_column_text(statement, column);
    int length = text ? sqlite3_column_bytes(statement, column) : -1;
    int bytes = length > 0 ? length : 0;
    if (at + (int)sizeof length + bytes > size) {
      sqlite3_reset(statement);
      return -SQLITE_TOOBIG;
    }
    memcpy(row + at, &length, sizeof length);
    at += sizeof length;
    if (bytes) memcpy(row + at, text, bytes);
    at += bytes;
  }
  code = sqlite3_reset(statement);
  return code == SQLITE_OK ? at : -code;
}
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

// As src/directory/facts.ts makes it; group_concat is the older name of string_agg.
const factsSQL = `
SELECT
  (SELECT status FROM users WHERE id = ?1),
  (SELECT status FROM rooms WHERE id = ?2),
  (SELECT true FROM room_members WHERE room_id = ?2 AND user_id = ?1),
  (SELECT true FROM room_videos WHERE room_id = ?2 AND video_id = ?3),
  video.status,
  video.available_from,
  video.available_until,
  video.regions,
  CASE WHEN EXISTS (SELECT 1 FROM video_licences WHERE video_id = ?3) THEN (
    SELECT group_concat(licence, ';') FROM (
      SELECT coalesce(CAST(available_from AS TEXT), '') || ':' || coalesce(CAST(available_until AS TEXT), '')
        || ':' || coalesce(regions, '*') AS licence
      FROM video_licences WHERE video_id = ?3 ORDER BY position
    )
  ) END
FROM (SELECT 1) AS one LEFT JOIN videos AS video ON video.id = ?3`

const (
	columns     = 9
	rowBytes    = 4 << 10
	maxRowBytes = 1 << 20
)

// directory asks a SQLite file, read-only; one question at a time.
type directory struct {
	mu        sync.Mutex
	db        *C.sqlite3
	statement *C.sqlite3_stmt
	buffers   sync.Pool
}

// question has the memory of one call, which cgo would move to the heap each time.
type question struct{ ids, row []byte }

func openDirectory(path string) (*directory, error) {
	d := &directory{}
	d.buffers.New = func() any { return &question{row: make([]byte, rowBytes)} }
	name := []byte(path + "\x00")
	flags := C.int(C.SQLITE_OPEN_READONLY | C.SQLITE_OPEN_NOMUTEX)
	if code := C.sqlite3_open_v2((*C.char)(unsafe.Pointer(&name[0])), &d.db, flags, nil); code != C.SQLITE_OK {
		return nil, fmt.Errorf("%s: SQLite code %d", path, code)
	}
	pragma := []byte("PRAGMA cache_size = -32768\x00")
	if code := C.sqlite3_exec(d.db, (*C.char)(unsafe.Pointer(&pragma[0])), nil, nil, nil); code != C.SQLITE_OK {
		return nil, fmt.Errorf("cache_size: SQLite code %d", code)
	}
	text := []byte(factsSQL + "\x00")
	if code := C.sqlite3_prepare_v2(d.db, (*C.char)(unsafe.Pointer(&text[0])), -1, &d.statement, nil); code != C.SQLITE_OK {
		return nil, fmt.Errorf("prepare: %s", C.GoString(C.sqlite3_errmsg(d.db)))
	}
	return d, nil
}

// facts about a user, a room and a video; an empty status means that there is none.
type facts struct {
	user, room, video   string
	hasMember, hasVideo bool
	licences            []licence
}

func (d *directory) facts(userID, roomID, videoID string) (facts, error) {
	q := d.buffers.Get().(*question)
	defer d.buffers.Put(q)
	q.ids = append(append(append(q.ids[:0], userID...), roomID...), videoID...)
	length := d.ask(q, len(userID), len(roomID), len(videoID))
	if length == -C.SQLITE_TOOBIG {
		q.row = make([]byte, maxRowBytes)
		length = d.ask(q, len(userID), len(roomID), len(videoID))
	}
	if length < 0 {
		return facts{}, fmt.Errorf("SQLite code %d", -length)
	}
	return readRow(q.row[:length]), nil
}

func (d *directory) ask(q *question, user, room, video int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int(C.facts(
		d.statement,
		(*C.char)(unsafe.Pointer(&q.ids[0])),
		C.int(user), C.int(room), C.int(video),
		(*C.char)(unsafe.Pointer(&q.row[0])), C.int(len(q.row)),
	))
}

func readRow(row []byte) facts {
	var texts [columns]string
	var isNull [columns]bool
	for n := range texts {
		length := int(int32(binary.LittleEndian.Uint32(row)))
		row = row[4:]
		if isNull[n] = length < 0; isNull[n] {
			continue
		}
		texts[n], row = string(row[:length]), row[length:]
	}
	f := facts{user: texts[0], room: texts[1], hasMember: !isNull[2], hasVideo: !isNull[3], video: texts[4]}
	first := licence{from: readTime(texts[5]), until: readTime(texts[6]), everywhere: isNull[7], regions: texts[7]}
	f.licences = append(f.licences, first)
	if !isNull[8] {
		for _, text := range strings.Split(texts[8], ";") {
			parts := strings.SplitN(text, ":", 3)
			f.licences = append(f.licences, licence{
				from: readTime(parts[0]), until: readTime(parts[1]), everywhere: parts[2] == "*", regions: parts[2],
			})
		}
	}
	return f
}

// none is the time of a licence without beginning or end.
const none = -1

func readTime(text string) int64 {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return none
	}
	return seconds
}

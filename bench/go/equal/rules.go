package main

import (
	"sort"
	"strings"
)

// licence says when and where a video may be shown.
type licence struct {
	from, until int64
	everywhere  bool
	regions     string // Separated by commas.
}

func (l licence) covers(country string) bool {
	if l.everywhere {
		return true
	}
	if country == "" {
		return false
	}
	for _, region := range strings.Split(l.regions, ",") {
		if region == country {
			return true
		}
	}
	return false
}

func (l licence) isOpen(now int64) bool {
	return (l.from == none || l.from <= now) && (l.until == none || now < l.until)
}

// decide applies the rules in the order of src/access/rules.ts, and returns when the licence ends.
func decide(f facts, country string, now int64) (notAfter int64, refused *refusal) {
	switch {
	case f.user != "active":
		return none, &refusal{code: "user_not_allowed"}
	case f.room != "open" || !f.hasMember:
		return none, &refusal{code: "room_not_allowed"}
	case f.video != "available" || !f.hasVideo:
		return none, &refusal{code: "video_not_allowed"}
	}
	var licences []licence
	for _, one := range f.licences {
		if one.covers(country) {
			licences = append(licences, one)
		}
	}
	if len(licences) == 0 {
		return none, &refusal{code: "region_not_allowed"}
	}
	for _, one := range licences {
		if one.isOpen(now) {
			return joinedEnd(licences, now), nil
		}
	}
	if next := nextStart(licences, now); next != none {
		return none, &refusal{code: "video_not_started", availableFrom: next}
	}
	return none, &refusal{code: "video_ended"}
}

// nextStart is when the next licence begins; one with an empty window never does.
func nextStart(licences []licence, now int64) int64 {
	next := int64(none)
	for _, one := range licences {
		if one.from > now && (one.until == none || one.from < one.until) && (next == none || one.from < next) {
			next = one.from
		}
	}
	return next
}

// joinedEnd is when the licences that hold now end, with those that touch or overlap them.
func joinedEnd(licences []licence, now int64) int64 {
	sort.SliceStable(licences, func(a, b int) bool { return licences[a].from < licences[b].from })
	end := now
	for _, one := range licences {
		if one.from > end {
			continue
		}
		if one.until == none {
			return none
		}
		if one.until > end {
			end = one.until
		}
	}
	return end
}

const minLifetimeSeconds = 10

// expiry of a token; notAfter is none without an end.
func expiry(now, ttlSeconds, notAfter, sessionEndsAt int64) (int64, *refusal) {
	earliest := now + minLifetimeSeconds
	if sessionEndsAt < earliest {
		return 0, &refusal{code: "credential_expired"}
	}
	if notAfter != none && notAfter < earliest {
		return 0, &refusal{code: "video_ended"}
	}
	expireAt := now + ttlSeconds
	if notAfter != none && notAfter < expireAt {
		expireAt = notAfter
	}
	if sessionEndsAt < expireAt {
		expireAt = sessionEndsAt
	}
	return expireAt, nil
}

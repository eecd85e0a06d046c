package main

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// unsafeCharacters are the characters that steer a terminal or are not seen.
var unsafeCharacters = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Cs, unicode.Zl, unicode.Zp,
	unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point,
}

// appendString appends a text as JSON, with unsafe characters as escapes.
func appendString(b []byte, text string) []byte {
	b = append(b, '"')
	for n := 0; n < len(text); n++ {
		if c := text[n]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return append(appendEscaped(append(b, text[:n]...), text[n:]), '"')
		}
	}
	return append(append(b, text...), '"')
}

func appendEscaped(b []byte, text string) []byte {
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case unicode.IsOneOf(unsafeCharacters, r):
			for _, unit := range utf16.Encode([]rune{r}) {
				b = append(b, '\\', 'u', hex[unit>>12], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
			}
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

const hex = "0123456789abcdef"

// Package values writes and reads Rego values as a policy's memory does: JSON, except that sets and keys that are not strings are as in Rego.
package values

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Append appends a value so that the policy's memory can parse it back: strings are JSON, sets are Rego's. Where a
// string is not UTF-8, or a number not one of JSON, neither is what it appends: the policy's memory holds no such.
func Append(to []byte, value ast.Value) []byte {
	switch value := value.(type) {
	case ast.String:
		return appendString(to, string(value))
	case ast.Number:
		to = append(to, string(value)...)
		if len(numbers.FindString(string(value))) != len(value) {
			to = append(to, 0xff)
		}
		return to
	case *ast.Array:
		to = append(to, '[')
		for i := range value.Len() {
			if i > 0 {
				to = append(to, ',')
			}
			to = Append(to, value.Elem(i).Value)
		}
		return append(to, ']')
	case ast.Object:
		to = append(to, '{')
		first := true
		value.Foreach(func(key, item *ast.Term) {
			if !first {
				to = append(to, ',')
			}
			first = false
			to = Append(to, key.Value)
			to = append(to, ':')
			to = Append(to, item.Value)
		})
		return append(to, '}')
	case ast.Set:
		if value.Len() == 0 {
			return append(to, "set()"...)
		}
		to = append(to, '{')
		first := true
		value.Foreach(func(item *ast.Term) {
			if !first {
				to = append(to, ',')
			}
			first = false
			to = Append(to, item.Value)
		})
		return append(to, '}')
	default:
		return append(to, value.String()...)
	}
}

// appendString marks what is not UTF-8 by a byte that never stands in it.
func appendString(to []byte, text string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text)
	to = append(to, bytes.TrimRight(out.Bytes(), "\n")...)
	if !utf8.ValidString(text) {
		to = append(to[:len(to)-1], 0xff, '"')
	}
	return to
}

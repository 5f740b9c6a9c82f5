// Package values writes and reads Rego values as a policy's memory does: JSON, except that sets and keys that are no strings are as in Rego.
package values

import (
	"bytes"
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Parse reads a value as the policy's memory dumps it: JSON, except that sets and keys that are no strings are as in Rego.
func Parse(text []byte) (*ast.Term, error) {
	decoder := util.NewJSONDecoder(bytes.NewReader(text))
	var value any
	if err := decoder.Decode(&value); err == nil && !decoder.More() {
		converted, err := ast.InterfaceToValue(value)
		if err != nil {
			return nil, err
		}
		return ast.NewTerm(converted), nil
	}
	return ast.ParseTerm(string(text))
}

// Append appends a value so that the policy's memory can parse it back: strings are JSON, sets are Rego's.
func Append(to []byte, value ast.Value) []byte {
	switch value := value.(type) {
	case ast.String:
		return appendString(to, string(value))
	case ast.Number:
		return append(to, string(value)...)
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

func appendString(to []byte, text string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text)
	return append(to, bytes.TrimRight(out.Bytes(), "\n")...)
}

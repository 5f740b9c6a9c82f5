// The steps of steps.py by the default client of Go's net/http.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func text(content []byte) string { return string(content) }
func sum(content []byte) string  { return fmt.Sprintf("%x", sha256.Sum256(content)) }

func ask(method, url string, body io.Reader, read func([]byte) string) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		panic(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	told := res.Header.Get("sallyport-problem")
	if told == "" {
		told = read(content)
	}
	fmt.Println(told, res.StatusCode, strings.TrimSuffix(strings.TrimPrefix(res.Proto, "HTTP/"), ".0"))
}

func open() io.Reader {
	file, err := os.Open(os.Args[4])
	if err != nil {
		panic(err)
	}
	return file
}

func main() {
	https, plain, elsewhere := os.Args[1], os.Args[2], os.Args[3]
	ask("GET", https+"/v1/hello", nil, text)
	ask("GET", https+"/v1/hello", nil, text)
	ask("PUT", https+"/v1/sum", open(), text)
	ask("GET", https+"/v1/large", nil, sum)
	ask("GET", https+"/admin", nil, text)
	ask("PUT", https+"/admin", open(), text)
	ask("GET", plain+"/v1/hello", nil, text)
	ask("GET", plain+"/admin", nil, text)
	ask("GET", elsewhere+"/", nil, text)
}

module go-origin

go 1.22

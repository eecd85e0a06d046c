module zego-video-token/bench

go 1.19

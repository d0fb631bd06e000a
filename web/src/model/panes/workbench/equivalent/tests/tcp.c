#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static struct sockaddr_in at(const char *host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}

int main(void) {
    char message[64];
    ssize_t n;
    struct sockaddr_in to;
    int s3 = socket(AF_INET, SOCK_STREAM, 0);
    if (setsockopt(s3, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0) perror("setsockopt");
    to = at("127.0.0.1", 5000);
    if (bind(s3, (struct sockaddr *)&to, sizeof to) < 0) perror("bind");
    if (send(s3, "early", 5, MSG_NOSIGNAL) < 0) perror("send");  /* failed here: EPIPE */
    to = at("127.0.0.1", 12000);
    if (connect(s3, (struct sockaddr *)&to, sizeof to) < 0) perror("connect");
    setsockopt(s3, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){1, 500000}, sizeof(struct timeval));
    setsockopt(s3, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){1, 500000}, sizeof(struct timeval));
    if (send(s3, "it's \"100%\"\n\3779", 14, MSG_NOSIGNAL) < 0) perror("send");
    if (shutdown(s3, SHUT_WR) < 0) perror("shutdown");
    n = recv(s3, message, 64, 0);
    if (n < 0) perror("recv");
    else printf("%.*s\n", (int)n, message);
    /* recv(s3, …) */  /* blocked here and never returned */
    if (close(s3) < 0) perror("close");
    if (send(s3, "late", 4, MSG_NOSIGNAL) < 0) perror("send");  /* failed here: EBADF */
    return 0;
}

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static struct sockaddr_in at(const char *host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}

static struct sockaddr_in6 at6(const char *host, int port) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    inet_pton(AF_INET6, host, &a.sin6_addr);
    return a;
}

int main(void) {
    char message[16];
    ssize_t n;
    struct sockaddr_in to;
    struct sockaddr_in6 to6;
    int s3 = socket(AF_INET, SOCK_DGRAM, 0);
    if (setsockopt(s3, SOL_SOCKET, SO_LINGER, &(struct linger){0, 0}, sizeof(struct linger)) < 0) perror("setsockopt");
    if (setsockopt(s3, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)) < 0) perror("setsockopt");
    if (setsockopt(s3, IPPROTO_IP, 11, &(int){1}, sizeof(int)) < 0) perror("setsockopt");
    if (setsockopt(s3, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0) perror("setsockopt");  /* failed here: EOPNOTSUPP */
    to6 = at6("::1", 12000);
    if (connect(s3, (struct sockaddr *)&to6, sizeof to6) < 0) perror("connect");  /* failed here: EAFNOSUPPORT */
    {  /* failed here: ENOTCONN */
        struct sockaddr_in a;
        socklen_t length = sizeof a;
        char host[INET_ADDRSTRLEN];
        if (getpeername(s3, (struct sockaddr *)&a, &length) < 0) perror("getpeername");
        else printf("%s:%d\n", inet_ntop(AF_INET, &a.sin_addr, host, sizeof host), ntohs(a.sin_port));
    }
    to = at("127.0.0.1", 12000);
    if (connect(s3, (struct sockaddr *)&to, sizeof to) < 0) perror("connect");
    {
        struct sockaddr_in a;
        socklen_t length = sizeof a;
        char host[INET_ADDRSTRLEN];
        if (getsockname(s3, (struct sockaddr *)&a, &length) < 0) perror("getsockname");
        else printf("%s:%d\n", inet_ntop(AF_INET, &a.sin_addr, host, sizeof host), ntohs(a.sin_port));
    }
    {
        struct sockaddr_in a;
        socklen_t length = sizeof a;
        char host[INET_ADDRSTRLEN];
        if (getpeername(s3, (struct sockaddr *)&a, &length) < 0) perror("getpeername");
        else printf("%s:%d\n", inet_ntop(AF_INET, &a.sin_addr, host, sizeof host), ntohs(a.sin_port));
    }
    fcntl(s3, F_SETFL, O_NONBLOCK);
    n = recv(s3, message, 16, 0);  /* failed here: EAGAIN */
    if (n < 0) perror("recv");
    else printf("%.*s\n", (int)n, message);
    fcntl(s3, F_SETFL, 0);
    setsockopt(s3, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 0}, sizeof(struct timeval));
    setsockopt(s3, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){0, 0}, sizeof(struct timeval));
    {
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
        char host[INET6_ADDRSTRLEN];
        int error = getaddrinfo("localhost", NULL, &hints, &found);
        if (error) fprintf(stderr, "getaddrinfo: %s\n", gai_strerror(error));
        else for (; found; found = found->ai_next)
            if (!getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST)) puts(host);
    }
    return 0;
}

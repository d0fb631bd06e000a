#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in at(const char *host, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}

int main(void) {
    char message[2048];
    ssize_t n;
    struct sockaddr_in to;
    int s3 = socket(AF_INET, SOCK_DGRAM, 0);
    to = at("127.0.0.1", 12000);
    if (sendto(s3, "hi 世界", 9, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to) < 0) perror("sendto");
    n = recvfrom(s3, message, 2048, 0, NULL, NULL);
    if (n < 0) perror("recvfrom");
    else printf("%.*s\n", (int)n, message);
    if (close(s3) < 0) perror("close");
    return 0;
}

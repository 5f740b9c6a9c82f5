/** Java's HttpClient as a program makes it that knows nothing of a proxy: `java HttpClientSession.java https http other body`, or with one address alone. */
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;

public class HttpClientSession {
  private static final HttpClient client = HttpClient.newHttpClient();

  public static void main(String[] args) throws Exception {
    if (args.length == 1) {
      get(args[0]);
      return;
    }
    String https = args[0], http = args[1], other = args[2];
    Path body = Path.of(args[3]);
    get(https + "/v1/a");
    get(https + "/v1/b");
    HttpResponse<byte[]> large = client.send(request(https + "/v1/large").build(), BodyHandlers.ofByteArray());
    say(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(large.body())), large);
    HttpResponse<String> sum = client.send(request(https + "/v1/sum").PUT(BodyPublishers.ofFile(body)).build(), BodyHandlers.ofString());
    say(sum.body(), sum);
    get(https + "/admin");
    get(http + "/v1/a");
    get(http + "/admin");
    try {
      get(other + "/v1/a");
    } catch (java.io.IOException error) {
      System.out.println(error);
    }
  }

  private static HttpRequest.Builder request(String url) {
    return HttpRequest.newBuilder(URI.create(url));
  }

  private static void get(String url) throws Exception {
    HttpResponse<String> response = client.send(request(url).build(), BodyHandlers.ofString());
    say(response.headers().firstValue("sallyport-problem").orElse(response.body()), response);
  }

  private static void say(String what, HttpResponse<?> response) {
    System.out.println(what + " " + response.statusCode() + " " + (response.version() == HttpClient.Version.HTTP_2 ? "2" : "1.1"));
  }
}

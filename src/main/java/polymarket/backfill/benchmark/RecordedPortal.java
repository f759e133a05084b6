package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A portal's answers in a file, a block a line, and a server that gives them again. */
final class RecordedPortal implements AutoCloseable {

  /** An answer ends with the block in which it has grown so large. */
  private static final long MOST_BYTES = 16 << 20;

  /** Blocks of one request while they are recorded. */
  private static final int STEP = 50;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final RandomAccessFile file;
  private final long last;
  private final HttpServer server;
  private final ExecutorService threads = Executors.newFixedThreadPool(8);

  /** Where each block's line begins, and where the last one ends. */
  private final TreeMap<Long, Long> starts = new TreeMap<>();

  private long logs;

  private RecordedPortal(RandomAccessFile file, long last) throws IOException {
    this.file = file;
    this.last = last;
    server =
        HttpServer.create(
            new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 64);
    server.setExecutor(threads);
    server.createContext("/", this::answer);
  }

  /** Records the answers to the requests that the program makes. */
  static RecordedPortal record(
      Program program, Path to, String url, long first, long last, List<String> datasets)
      throws IOException, InterruptedException {
    RecordedPortal portal = new RecordedPortal(new RandomAccessFile(to.toFile(), "rw"), last);
    HttpClient client = HttpClient.newHttpClient();
    for (long from = first; from <= last; ) {
      byte[] answer =
          client
              .send(
                  HttpRequest.newBuilder(URI.create(url + "/finalized-stream"))
                      .POST(
                          HttpRequest.BodyPublishers.ofString(
                              program.logsRequest(from, Math.min(last, from + STEP - 1), datasets)))
                      .build(),
                  HttpResponse.BodyHandlers.ofByteArray())
              .body();
      for (String line : new String(answer, StandardCharsets.UTF_8).split("\n")) {
        JsonNode block = JSON.readTree(line);
        from = block.path("header").path("number").asLong() + 1;
        portal.starts.put(from - 1, portal.file.getFilePointer());
        portal.logs += block.path("logs").size();
        portal.file.write((line + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    portal.starts.put(last + 1, portal.file.getFilePointer());
    portal.server.start();
    return portal;
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  long first() {
    return starts.firstKey();
  }

  long logs() {
    return logs;
  }

  long bytes() {
    return starts.lastEntry().getValue();
  }

  /** The first block of the answer behind one that begins with a block; -1 behind the last. */
  long next(long from) {
    long next = end(from, last) + 1;
    return next > last ? -1 : next;
  }

  /** An answer as large as the program asks for. */
  byte[] answer(long from) throws IOException {
    return read(from, end(from, last));
  }

  /** The last block of an answer that begins with a block. */
  private long end(long from, long to) {
    long begin = starts.ceilingEntry(from).getValue();
    long end = from;
    for (Map.Entry<Long, Long> block : starts.subMap(from, true, to, true).entrySet()) {
      end = block.getKey();
      if (starts.higherEntry(end).getValue() - begin > MOST_BYTES) {
        return end;
      }
    }
    return to;
  }

  private synchronized byte[] read(long from, long to) throws IOException {
    long begin = starts.ceilingEntry(from).getValue();
    long end = starts.higherEntry(to).getValue();
    byte[] bytes = new byte[(int) (end - begin)];
    file.seek(begin);
    file.readFully(bytes);
    return bytes;
  }

  private void answer(HttpExchange call) throws IOException {
    try (call;
        OutputStream out = call.getResponseBody()) {
      byte[] body;
      if (call.getRequestMethod().equals("GET")) {
        body = ("{\"number\":" + last + ",\"hash\":\"0x\"}").getBytes(StandardCharsets.US_ASCII);
      } else {
        JsonNode query = JSON.readTree(call.getRequestBody());
        long from = query.path("fromBlock").asLong();
        long to = end(from, Math.min(last, query.path("toBlock").asLong()));
        body = read(from, to);
        if (!starts.containsKey(to)) {
          body =
              (new String(body, StandardCharsets.UTF_8)
                      + "{\"header\":{\"number\":"
                      + to
                      + ",\"hash\":\"0x\",\"timestamp\":0}}\n")
                  .getBytes(StandardCharsets.UTF_8);
        }
      }
      call.sendResponseHeaders(200, body.length);
      out.write(body);
    }
  }

  @Override
  public void close() throws IOException {
    server.stop(0);
    threads.shutdownNow();
    file.close();
  }
}

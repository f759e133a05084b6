package polymarket.backfill.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import polymarket.backfill.ExitCode;

/**
 * A run that {@code serve} carries out for a command line, which prints what the run says and
 * passes Ctrl-C on to it.
 */
final class ServiceRun {

  /** How long the service may take to start the run. */
  private static final Duration START = Duration.ofMinutes(1);

  /** How long the run may take to end when its service was killed. */
  private static final long END_SECONDS = 120;

  /** The exit code of a process that SIGTERM ended before it handled the signal. */
  private static final int TERMINATED = 143;

  private static final String EVENT = "data: ";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final ServedPage.Served service;
  private final Terminal terminal;

  /** Of the run; null until it is started. */
  private ProcessHandle process;

  private boolean stopping;
  private Integer exit;

  ServiceRun(ServedPage.Served service, Terminal terminal) {
    this.service = service;
    this.terminal = terminal;
  }

  /**
   * Posts the run, and follows it to its end.
   *
   * @return the run's exit code; empty where the service does not take it
   */
  OptionalInt follow(PostedCommand command) {
    try (InputStream events = post(command)) {
      if (events == null) {
        return OptionalInt.empty();
      }
      Signals.pass(this::stop, terminal);
      read(events);
    } catch (IOException e) {
      if (process == null) {
        beside("the service (pid " + service.pid() + ") did not answer");
        return OptionalInt.empty();
      }
    }
    terminal.ended();
    return OptionalInt.of(
        exit == null ? lost() : exit == TERMINATED && stopping ? interrupted() : exit);
  }

  private void beside(String why) {
    terminal.info("this run has a process of its own: " + why);
  }

  /** The events of the run; null where the service does not take it. */
  private InputStream post(PostedCommand command) throws IOException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(service.url() + "run"))
            .header("Authorization", "Bearer " + service.token())
            .header("X-Backfill-Key", service.key())
            .header("Content-Type", "application/json; charset=utf-8")
            .timeout(START)
            .POST(HttpRequest.BodyPublishers.ofString(command.json()))
            .build();
    try {
      HttpResponse<InputStream> answer =
          HttpClient.newBuilder()
              .proxy(HttpClient.Builder.NO_PROXY)
              .version(HttpClient.Version.HTTP_1_1)
              .build()
              .send(request, HttpResponse.BodyHandlers.ofInputStream());
      if (answer.statusCode() == 200) {
        return answer.body();
      }
      try (InputStream why = answer.body()) {
        beside(new String(why.readAllBytes(), StandardCharsets.UTF_8).strip());
      }
      return null;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted");
    }
  }

  private void read(InputStream events) throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(events, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.startsWith(EVENT)) {
        take(JSON.readTree(line.substring(EVENT.length())));
      }
    }
  }

  private void take(JsonNode event) {
    if (event.has("pid")) {
      began(event.get("pid").asLong());
    }
    event.path("err").asText("").lines().forEach(terminal::pass);
    if (event.has("out")) {
      // the results follow the progress
      terminal.ended();
      System.out.print(event.get("out").asText());
      System.out.flush();
    }
    if (event.has("progress")) {
      terminal.status(event.get("progress").asText());
    }
    if (event.has("exit")) {
      exit = event.get("exit").asInt();
    }
  }

  private synchronized void began(long pid) {
    process = ProcessHandle.of(pid).orElse(null);
    if (stopping && process != null) {
      process.destroy();
    }
  }

  /** Passes a signal on: the first ends the run as Ctrl-C does, the second at once. */
  private synchronized void stop() {
    stopping = true;
    if (process != null) {
      process.destroy();
    }
  }

  private int interrupted() {
    System.err.println("backfill: " + Signals.interrupted());
    return ExitCode.INTERRUPTED.code();
  }

  /**
   * The service was killed: its runs end with it as by Ctrl-C, because they follow their parent.
   */
  private int lost() {
    try {
      if (process != null) {
        process.onExit().get(END_SECONDS, TimeUnit.SECONDS);
      }
    } catch (TimeoutException | ExecutionException e) {
      terminal.warn("the run still ends, as pid " + process.pid());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    terminal.warn("`backfill serve` (pid " + service.pid() + ") ended, and this run with it");
    return interrupted();
  }
}

package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * The PyPI package clickhouse-connect, with its defaults, against the embedded engine; the checks
 * are in src/test/python/client.py.
 */
class PythonClientIT {
  private static final Path FOLDER = Path.of("src/test/python");
  private static final Path VENV = Path.of("target/python");

  private record Ended(int code, String output) {}

  private static Ended run(String... command) throws InterruptedException {
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().put("CLICKHOUSE_URL", TestEngine.shared().url().toString());
      builder.environment().put("CLICKHOUSE_PASSWORD", TestEngine.PASSWORD);
      Process process = builder.start();
      CompletableFuture.delayedExecutor(180, TimeUnit.SECONDS).execute(process::destroyForcibly);
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return new Ended(process.waitFor(), output);
    } catch (IOException e) {
      return new Ended(-1, e.getMessage());
    }
  }

  @Test
  void clickHouseConnect_worksWithItsDefaults() throws Exception {
    String python = VENV.resolve("bin/python").toString();
    if (!Files.exists(VENV.resolve("ready"))) {
      for (List<String> command :
          List.of(
              List.of("python3", "-m", "venv", VENV.toString()),
              List.of(
                  python,
                  "-m",
                  "pip",
                  "install",
                  "-q",
                  "--disable-pip-version-check",
                  "-r",
                  FOLDER.resolve("requirements.txt").toString()))) {
        Ended made = run(command.toArray(String[]::new));
        Assumptions.assumeTrue(
            made.code == 0,
            "no Python 3 with venv and clickhouse-connect here: " + made.output.strip());
      }
      Files.createFile(VENV.resolve("ready"));
    }
    Ended ended = run(python, FOLDER.resolve("client.py").toString());
    assertEquals(0, ended.code, ended.output);
    assertTrue(ended.output.endsWith("all good\n"), ended.output);
  }
}

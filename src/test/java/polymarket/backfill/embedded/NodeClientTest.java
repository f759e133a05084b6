package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * The npm package @clickhouse/client against the embedded engine; the checks are in
 * src/test/node/client.mjs.
 */
class NodeClientTest {
  private static final Path FOLDER = Path.of("src/test/node");

  @Test
  void npmClient_worksAsAgainstAServer() throws Exception {
    if (!Files.exists(FOLDER.resolve("node_modules/@clickhouse/client/package.json"))) {
      run(List.of("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"));
    }
    String output = run(List.of("node", "client.mjs"));
    assertTrue(output.endsWith("all good\n"), output);
  }

  private static String run(List<String> command) throws InterruptedException {
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).directory(FOLDER.toFile()).redirectErrorStream(true);
      builder
          .environment()
          .putAll(
              Map.of(
                  "CLICKHOUSE_URL",
                  TestEngine.shared().url().toString(),
                  "CLICKHOUSE_PASSWORD",
                  TestEngine.PASSWORD));
      Process process = builder.start();
      CompletableFuture.delayedExecutor(60, TimeUnit.SECONDS).execute(process::destroyForcibly);
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.waitFor() == 0
          ? output
          : fail(String.join(" ", command) + " in " + FOLDER + " failed:\n" + output);
    } catch (IOException e) {
      return fail(
          command.get(0)
              + " is needed for this test: install Node.js 20 or newer, so that node and npm are on"
              + " the PATH ("
              + e.getMessage()
              + ")");
    }
  }
}

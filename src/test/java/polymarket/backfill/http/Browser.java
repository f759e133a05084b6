package polymarket.backfill.http;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.openqa.selenium.JavascriptExecutor;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;

/**
 * A real browser without a window: Chromium, with a profile of its own that is deleted behind it.
 * Debian has it as the packages chromium and chromium-driver.
 */
public final class Browser implements AutoCloseable {
  private static final List<Path> BROWSERS =
      List.of(Path.of("/usr/bin/chromium"), Path.of("/usr/bin/chromium-browser"));
  private static final List<Path> DRIVERS =
      List.of(Path.of("/usr/bin/chromedriver"), Path.of("/usr/lib/chromium/chromedriver"));

  private final Path profile;
  private final ChromeDriver driver;

  private Browser(Path browser, Path executable) throws IOException {
    profile = Files.createTempDirectory("backfill-browser");
    ChromeOptions options = new ChromeOptions();
    options.setBinary(browser.toFile());
    options.addArguments(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--user-data-dir=" + profile);
    // with both files named, Selenium looks for none and fetches none
    driver =
        new ChromeDriver(
            new ChromeDriverService.Builder()
                .usingDriverExecutable(executable.toFile())
                .usingAnyFreePort()
                .build(),
            options);
    driver.manage().timeouts().scriptTimeout(Duration.ofSeconds(60));
    driver.manage().timeouts().pageLoadTimeout(Duration.ofSeconds(60));
  }

  /** Starts one; the test is skipped, with a word on what to install, where there is none. */
  public static Browser startOrSkip() throws IOException {
    Path browser = BROWSERS.stream().filter(Files::isExecutable).findFirst().orElse(null);
    Path driver = DRIVERS.stream().filter(Files::isExecutable).findFirst().orElse(null);
    Assumptions.assumeTrue(
        browser != null && driver != null,
        "no Chromium with its driver here: apt-get install chromium chromium-driver");
    return new Browser(browser, driver);
  }

  /** Opens a page and waits until it is loaded. */
  public void open(String url) {
    driver.get(url);
  }

  /** The page's text, as a person sees it. */
  public String text() {
    return driver.findElement(org.openqa.selenium.By.tagName("body")).getText();
  }

  /**
   * Runs a script in the page.
   *
   * @param script the body of an async function; what it returns is handed back
   */
  public Object run(String script) {
    return ((JavascriptExecutor) driver)
        .executeAsyncScript(
            "const done = arguments[0]; (async () => {"
                + script
                + "})().then(done, error => done('failed: ' + error));");
  }

  /** Selenium's own view of the page, for what this class does not offer. */
  public ChromeDriver driver() {
    return driver;
  }

  @Override
  public void close() throws IOException {
    driver.quit();
    try (Stream<Path> files = Files.walk(profile)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    }
  }
}
